#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/recipe/load.h"
#include "core/train/check_tokens.h"
#include "core/train/continue_texts.h"
#include "core/train/serve.h"
#include "launch/command.h"
#include "launch/plugins.h"

namespace filigree::launch {
namespace {

bool is_recipe(const std::string& path) { return path.ends_with(".yaml") || path.ends_with(".yml"); }

/// The data section to evaluate on: a recipe's, or the one that the model was trained with, reading `file` instead.
recipe::DataConfig data_section(const EvalOptions& options, const train::OpenedModel& opened,
                                const train::Plugins& plugins) {
  if (is_recipe(options.data)) return recipe::load(options.data, options.sets, plugins.methods.catalog()).data;
  if (!opened.recipe)
    throw UsageError(
        fmt::format("--data {}: nothing tells how to read this file, since {} is not of a run of filigree; give a "
                    "recipe (.yaml) with a data section",
                    options.data, options.model));
  if (!std::filesystem::exists(options.data)) throw DataError(fmt::format("{}: there is no such file", options.data));
  auto config = opened.recipe->data;
  config.dir = std::filesystem::absolute(options.data).parent_path();
  const std::string name = std::filesystem::path(options.data).filename();
  (options.split == "train" ? config.train : options.split == "test" ? config.test : config.dev) = name;
  return config;
}

}  // namespace

int cmd_eval(const EvalOptions& options, dist::Environment& environment) {
  const auto plugins = make_plugins();
  std::string task_name;
  std::optional<recipe::GenerateConfig> decoding;
  if (is_recipe(options.data)) {
    const auto recipe = recipe::load(options.data, options.sets, plugins.methods.catalog());
    task_name = recipe.model.task;
    decoding = recipe.eval.generate;
  }
  auto served = train::serve(options.model, plugins, environment, task_name);
  auto& opened = served.opened;
  auto config = data_section(options, opened, plugins);
  if (config.labels.empty() && !opened.labels.empty() && config.task.empty() && config.format != "wordnet")
    config.labels = opened.labels;
  const auto task = data::resolve_task(config, data::objective_from(nn::to_string(opened.model->task())));
  if (opened.model->task() == nn::Task::sequence_classification &&
      static_cast<int64_t>(task.labels.size()) != opened.model->num_labels())
    throw UsageError(fmt::format("{} has {} labels, but the task of {} has {}", options.model,
                                 opened.model->num_labels(), options.data, task.labels.size()));
  const int64_t seed = opened.recipe ? opened.recipe->seed : 42;
  for (const auto& split : data::splits_of(task, options.split)) {
    auto dataset = data::load_dataset(config, task, split, *opened.tokenizer, seed);
    dataset.check_labelled();
    train::check_tokens(dataset, *opened.tokenizer, *opened.model, opened.files);
    const auto result = train::evaluate(*opened.model, dataset, served.options, served.mesh->dp());
    nlohmann::ordered_json json = {
        {"task", task.name}, {"split", split}, {"samples", result.samples}, {"loss", result.loss}};
    for (const auto& [name, value] : result.metrics) json[name] = value;
    if (decoding && train::has_contexts(dataset))
      for (const auto& [name, value] : train::text_metrics_of(served, dataset, *decoding)) json[name] = value;
    if (environment.world_rank() == 0) std::cout << json.dump() << '\n';
  }
  return 0;
}

}  // namespace filigree::launch
