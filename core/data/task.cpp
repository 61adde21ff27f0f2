#include "core/data/task.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "core/data/label.h"
#include "core/data/presets.h"
#include "core/data/read_table.h"
#include "core/error.h"
#include "core/recipe/data_rules.h"
#include "core/recipe/key_error.h"
#include "core/text/text_file.h"

namespace filigree::data {
namespace {

std::string path_in(const std::string& dir, const std::string& file) {
  return file.empty() ? dir : (std::filesystem::path(dir) / file).string();
}

/// A task without a preset.
TaskSpec custom_task(const Format& format) {
  TaskSpec task;
  task.name = format.name();
  task.labels = format.labels();
  task.metrics = format.metrics();
  for (const char* split : {"train", "dev", "test"})
    task.splits[split] = {format.default_file(split), true, format.default_columns(), format.label_column()};
  return task;
}

void check_rules(const recipe::DataConfig& config, Task model_task, const FormatRegistry& formats) {
  const recipe::Catalog catalog{{}, formats.traits(), preset_names()};
  std::vector<recipe::KeyFault> faults;
  for (const recipe::DataProblem& problem : recipe::data_problems(config, model_task, catalog))
    faults.push_back({problem.key, problem.message});
  if (!faults.empty()) throw recipe::KeyError(std::move(faults));
}

/// Keys of the recipe override those of the preset.
void apply_config(const recipe::DataConfig& config, TaskSpec& task) {
  const std::pair<const char*, const std::optional<std::string>&> files[] = {
      {"train", config.train}, {"dev", config.dev}, {"test", config.test}};
  for (const auto& [split, file] : files) {
    if (!file) continue;
    task.splits[split].file = *file;
    const std::string first = task.eval_splits.front();
    if (std::string(split) == "dev" && first != "dev") {  // one file instead of MNLI's two
      task.splits["dev"] = task.splits[first];
      task.splits["dev"].file = *file;
      task.eval_splits = {"dev"};
    }
  }
  for (auto& [split, source] : task.splits) {
    source.file = path_in(config.dir.empty() ? task.format->default_dir() : config.dir, source.file);
    if (!config.text.empty()) source.text = config.text;
    if (!config.label.empty() && task.format->traits().named_columns) source.label = config.label;
    if (config.header) source.header = *config.header;
  }
}

void apply_model_task(Task model_task, TaskSpec& task) {
  const bool scores = task.model_task == Task::regression;
  if (model_task == Task::regression && !task.labels.empty())
    throw recipe::KeyError("model.task",
                           fmt::format("regression does not fit data.task {}, which has classes", task.name));
  if (model_task == Task::sequence_classification && scores)
    throw recipe::KeyError("data.task", fmt::format("{} has scores; set model.task: regression", task.name));
  task.model_task = model_task;
  if (model_task == Task::sequence_classification) {
    if (task.metrics.empty()) task.metrics = {Metric::accuracy};
    return;
  }
  task.labels.clear();
  if (model_task == Task::regression) {
    if (task.metrics.empty()) task.metrics = {Metric::pearson, Metric::spearman};
    return;
  }
  task.metrics.clear();
  for (auto& [split, source] : task.splits) {
    source.label.clear();
    if (model_task == Task::masked_lm)
      source.text.resize(std::min<size_t>(source.text.size(), 1));  // the first text of a pair
  }
}

void apply_metric(std::optional<Metric> metric, TaskSpec& task) {
  if (!metric || is_over_tokens(task.model_task)) return;
  const bool of_scores = is_of_scores(*metric);
  if (of_scores != (task.model_task == Task::regression))
    throw recipe::KeyError("data.metric",
                           fmt::format("{} is not for {}", enum_name(*metric), of_scores ? "classes" : "scores"));
  std::erase(task.metrics, *metric);
  task.metrics.insert(task.metrics.begin(), *metric);
}

/// Metrics that this number of classes does not have: an error if the recipe asks for one, else dropped. `source`: what
/// the labels come from.
void fit_metrics(std::optional<Metric> asked, const std::string& source, TaskSpec& task) {
  if (task.model_task != Task::sequence_classification) return;
  const auto classes = static_cast<int64_t>(task.labels.size());
  if (asked && !is_for_classes(*asked, classes))
    throw recipe::KeyError("data.metric", fmt::format("{} is for two classes, but {} has {}; use macro_f1",
                                                      enum_name(*asked), source, classes));
  std::erase_if(task.metrics, [classes](Metric metric) { return !is_for_classes(metric, classes); });
  if (task.metrics.empty()) task.metrics = {Metric::accuracy};
}

/// A missing value is a bad row, not a class.
void drop_missing(const std::string& file, const Table& table, bool skip_bad_rows, std::set<std::string>& names) {
  const auto missing = missing_labels(names);
  if (missing.empty()) return;
  for (const Row& row : table.rows) {
    const std::string name(trimmed(row.fields[0]));
    if (!missing.contains(name)) continue;
    if (!skip_bad_rows)
      fail_at(file, row.line,
              fmt::format("label '{}' is a missing value; all other labels are numbers. If it is a class, name all "
                          "classes in data.labels",
                          name));
    names.erase(name);
  }
}

std::vector<std::string> collect_labels(const recipe::DataConfig& config, const TaskSpec& task) {
  const SplitSource& train = task.splits.at("train");
  const TableOptions options{train.header, {train.label}, config.bad_rows == recipe::BadRows::skip};
  const Table table = read_table(config, *task.format, train.file, options);
  std::set<std::string> names;
  for (const Row& row : table.rows) {
    const std::string_view name = trimmed(row.fields[0]);
    if (name.empty() && !options.skip_bad_rows) fail_at(train.file, row.line, "the label is empty");
    if (!name.empty()) names.emplace(name);
  }
  drop_missing(train.file, table, options.skip_bad_rows, names);
  const std::vector<std::string> sorted = sorted_labels(names);
  if (sorted.size() > kMaxClasses)
    throw recipe::KeyError(key_of_label(config),
                           fmt::format("{}: column '{}' has {} different labels; is it the label column?", train.file,
                                       train.label, sorted.size()));
  if (sorted.size() == 1)
    throw DataError(
        fmt::format("{}: column '{}' holds only one label, '{}'; classification needs two (data.labels may "
                    "name those that are not in this file)",
                    train.file, train.label, sorted.front()));
  return sorted;
}

}  // namespace

TaskSpec resolve_task(const recipe::DataConfig& config, Task model_task, const FormatRegistry& formats) {
  const auto format = formats.find(recipe::format_of(config));
  check_rules(config, model_task, formats);
  const bool preset = !config.task.empty() && config.task != format->name();
  TaskSpec task = preset ? preset_task(config.task) : custom_task(*format);
  task.format = format;
  if (task.eval_splits.empty()) task.eval_splits = {"dev"};
  apply_config(config, task);
  if (!config.labels.empty() && model_task == Task::sequence_classification) {
    if (const auto fixed = format->labels(); !fixed.empty() && config.labels != fixed)
      throw recipe::KeyError("data.labels", fmt::format("the labels of {} have fixed names", format->name()));
    if (std::set<std::string>(config.labels.begin(), config.labels.end()).size() != config.labels.size())
      throw recipe::KeyError("data.labels", "contains a duplicate name");
    task.labels = config.labels;
  }
  apply_model_task(model_task, task);
  apply_metric(config.metric, task);
  std::string source = config.labels.empty() ? task.name : "data.labels";
  if (model_task == Task::sequence_classification && task.labels.empty()) {
    task.labels = collect_labels(config, task);
    source = task.splits.at("train").file;
  }
  fit_metrics(config.metric, source, task);
  return task;
}

std::vector<std::string> splits_of(const TaskSpec& task, const std::string& split) {
  if (split == "dev") return task.eval_splits;
  if (task.splits.contains(split)) return {split};
  std::vector<std::string> known;
  for (const auto& [name, source] : task.splits) known.push_back(name);
  throw UsageError(
      fmt::format("split '{}' is not known; the task {} has {}", split, task.name, fmt::join(known, ", ")));
}

}  // namespace filigree::data
