#include "core/run/check_data.h"

#include <fmt/format.h>

#include "core/counted.h"
#include "core/data/samples.h"
#include "core/nn/load_report.h"
#include "core/recipe/key_error.h"

namespace filigree::train {
namespace {

bool splits_rows(const recipe::DataConfig& data, Task task) { return data.pack && task == Task::causal_lm; }

}  // namespace

CheckedSplit check_split(const recipe::Recipe& recipe, const data::TaskSpec& task, const std::string& split) {
  CheckedSplit checked;
  data::Dataset read;
  read.task = task.name;
  read.split = split;
  read.model_task = task.model_task;
  recipe::at_keys(recipe, [&] {
    data::Samples samples = data::read_samples(recipe.data, task, split, recipe.seed, read);
    if (!splits_rows(recipe.data, task.model_task)) checked.samples = static_cast<int64_t>(samples.texts.size());
    read.classes = std::move(samples.classes);
    read.scores = std::move(samples.scores);
    if (split == "train")
      checked.warnings = missing_classes(recipe, task.labels, read.classes);
    else
      read.check_labelled();
  });
  return checked;
}

std::vector<std::string> missing_classes(const recipe::Recipe& recipe, const std::vector<std::string>& names,
                                         const std::vector<int64_t>& classes) {
  if (classes.empty()) return {};
  std::vector<bool> seen(names.size());
  for (const int64_t number : classes) seen.at(static_cast<size_t>(number)) = true;
  std::vector<std::string> missing;
  for (size_t i = 0; i < names.size(); ++i)
    if (!seen[i]) missing.push_back(names[i]);
  if (missing.empty()) return {};
  const std::string key = recipe.data.labels.empty() ? "data" : "data.labels";
  return {recipe::at_key(recipe, key,
                         fmt::format("{} without a training sample, which the model cannot learn: {}",
                                     counted(missing.size(), "class"), nn::short_list(missing)))};
}

}  // namespace filigree::train
