#include "core/recipe/idle_keys.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/recipe/data_rules.h"

namespace filigree::recipe {
namespace {

constexpr const char* kTask = "model.task";
constexpr const char* kFormat = "data.format";
constexpr const char* kLabelled = "is sequence_classification or regression";

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
  const bool labelled = !causal && !masked;
  DataConfig& data = recipe.data;
  keys.add(labelled, "model.reset_head", kTask, kLabelled, recipe.model.reset_head, ModelConfig().reset_head);
  keys.add(labelled, "data.label", kTask, kLabelled, data.label);
  keys.add(labelled && !regression, "data.labels", kTask, "is sequence_classification", data.labels);
  keys.add(labelled, "data.metric", kTask, kLabelled, data.metric);
  keys.add(masked, "data.mask_probability", kTask, "is masked_lm", data.mask_probability,
           DataConfig().mask_probability);
  keys.add(causal, "data.pack", kTask, "is causal_lm", data.pack);
  keys.add(causal, "eval.generate", kTask, "is causal_lm", recipe.eval.generate);
}

void add_of_stages(Recipe& recipe, IdleKeys& keys) {
  const Task task = recipe.model.task;
  std::vector<std::string> names;
  for (const StageConfig& stage : recipe.stages) names.push_back(stage.name);
  for (size_t i = 0; i < names.size(); ++i) {
    auto& train = recipe.stages[i].train;
    if (!train) continue;
    const std::string path = stage_path(names, i) + ".train";
    keys.add(is_over_tokens(task), path + ".label_smoothing", kTask, "is masked_lm or causal_lm",
             train->label_smoothing);
    if (train->distill)
      keys.add(task != Task::regression, path + ".distill.temperature", kTask, "is sequence_classification",
               train->distill->temperature, DistillConfig().temperature);
  }
}

/// `filigree eval` continues contexts: those of the format, or the first of two columns.
void add_generate(const FormatTraits& format, Recipe& recipe, IdleKeys& keys) {
  auto& generate = recipe.eval.generate;
  if (recipe.model.task != Task::causal_lm || format.contexts) return;
  if (format.named_columns || !format.columns.empty())
    keys.add(recipe.data.text.size() == 2, "eval.generate", "data.text", "names two columns", generate);
  else
    keys.add(false, "eval.generate", kFormat, "has contexts, as e2e, prompt_completion and messages have", generate);
}

void add_by_format(const FormatTraits& format, Task task, DataConfig& data, IdleKeys& keys) {
  const bool chooses = !format.columns.empty() && task == Task::causal_lm;
  keys.add(format.named_columns || chooses, "data.text", kFormat,
           format.columns.empty() ? "is tsv, csv or jsonl" : "has columns and model.task is causal_lm", data.text);
  keys.add(format.named_columns, "data.label", kFormat, "is tsv, csv or jsonl", data.label);
  keys.add(format.header, "data.header", kFormat, "is tsv or csv", data.header);
}

/// The --set that decides. data.task decides about the format as well, and both about the need for data.text.
std::string decisive_argument(const Source& source, const std::string& key) {
  std::string argument = source.argument(key);
  if (argument.empty() && key == "data.text") argument = source.argument(kFormat);
  return argument.empty() && (key == kFormat || key == "data.text") ? source.argument("data.task") : argument;
}

}  // namespace

std::vector<IdleKey> idle_keys(Recipe& recipe, const FormatTraits* format) {
  IdleKeys keys;
  add_by_task(recipe, keys);
  add_of_stages(recipe, keys);
  if (format != nullptr) add_by_format(*format, recipe.model.task, recipe.data, keys);
  if (format != nullptr) add_generate(*format, recipe, keys);
  return keys.take();
}

void check_idle_keys(const Recipe& recipe, const Catalog& catalog, const Source& source,
                     std::vector<Problem>& problems) {
  Recipe copy = recipe;
  for (const IdleKey& key : idle_keys(copy, catalog.find_format(format_of(copy.data)))) {
    const bool sound = source.sound(key.path) && source.sound(key.depends_on);
    const bool reported = std::ranges::find(problems, key.path, &Problem::key) != problems.end();
    if (!source.by_user(key.path) || !sound || reported) continue;
    const Origin origin = source.origin(key.path);
    const std::string argument = origin.from_set() ? "" : decisive_argument(source, key.depends_on);
    problems.push_back(
        {origin.file, origin.line, key.path, idle_message(key.path, key.when, argument), origin.argument});
  }
}

void reset_idle_keys(Recipe& recipe, const Catalog& catalog) {
  for (const IdleKey& key : idle_keys(recipe, catalog.find_format(format_of(recipe.data)))) key.reset();
}

}  // namespace filigree::recipe
