#include "core/recipe/idle_keys.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/recipe/data_rules.h"

namespace filigree::recipe {
namespace {

constexpr const char* kTask = "model.task";
constexpr const char* kFormat = "data.format";

class IdleKeys {
 public:
  /// Adds the key unless it is `used`.
  template <class T>
  void add(bool used, const std::string& path, const char* depends_on, const std::string& condition, T& value,
           T otherwise = {}) {
    if (!used)
      keys_.push_back({path, depends_on, fmt::format("{} {}", depends_on, condition),
                       [&value, otherwise = std::move(otherwise)] { value = otherwise; }});
  }
  std::vector<IdleKey> take() { return std::move(keys_); }

 private:
  std::vector<IdleKey> keys_;
};

void add_by_task(Recipe& recipe, IdleKeys& keys) {
  const Task task = recipe.model.task;
  const bool causal = task == Task::causal_lm, masked = task == Task::masked_lm, regression = task == Task::regression;
  DataConfig& data = recipe.data;
  keys.add(data.label.empty() || !(causal || masked), "data.label", kTask, "is sequence_classification or regression",
           data.label);
  keys.add(data.labels.empty() || !(causal || masked || regression), "data.labels", kTask, "is sequence_classification",
           data.labels);
  keys.add(masked, "data.mask_probability", kTask, "is masked_lm", data.mask_probability,
           DataConfig().mask_probability);
  keys.add(causal, "data.pack", kTask, "is causal_lm", data.pack);
  keys.add(causal, "eval.generate", kTask, "is causal_lm", recipe.eval.generate);
  std::vector<std::string> names;
  for (const StageConfig& stage : recipe.stages) names.push_back(stage.name);
  for (size_t i = 0; i < names.size(); ++i)
    if (auto& train = recipe.stages[i].train; train && train->distill)
      keys.add(!regression, stage_path(names, i) + ".train.distill.temperature", kTask, "is sequence_classification",
               train->distill->temperature, DistillConfig().temperature);
}

void add_by_format(DataConfig& data, const FormatTraits& format, IdleKeys& keys) {
  keys.add(data.label.empty() || format.named_columns, "data.label", kFormat, "is tsv, csv or jsonl", data.label);
  keys.add(!data.header || format.header, "data.header", kFormat, "is tsv or csv", data.header);
}

/// Whether --set gave the value at one path and not the one at the other.
bool is_later(const Source& source, const std::string& path, const std::string& other) {
  return source.given(path) && source.origin(path).from_set() && !source.origin(other).from_set();
}

}  // namespace

std::vector<IdleKey> idle_keys(Recipe& recipe, const FormatTraits* format) {
  IdleKeys keys;
  add_by_task(recipe, keys);
  if (format != nullptr) add_by_format(recipe.data, *format, keys);
  return keys.take();
}

void check_idle_keys(const Recipe& recipe, const Catalog& catalog, const Source& source,
                     std::vector<Problem>& problems) {
  Recipe copy = recipe;
  for (const IdleKey& key : idle_keys(copy, catalog.find_format(format_of(copy.data)))) {
    const bool sound = source.sound(key.path) && source.sound(key.depends_on);
    const bool reported = std::ranges::find(problems, key.path, &Problem::key) != problems.end();
    if (!source.by_user(key.path) || !sound || reported || is_later(source, key.depends_on, key.path)) continue;
    const Origin origin = source.origin(key.path);
    problems.push_back(
        {origin.file, origin.line, key.path, fmt::format("has no effect: it is used only when {}", key.when)});
  }
}

void reset_idle_keys(Recipe& recipe, const Catalog& catalog) {
  for (const IdleKey& key : idle_keys(recipe, catalog.find_format(format_of(recipe.data)))) key.reset();
}

}  // namespace filigree::recipe
