#include "core/recipe/data_rules.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

namespace filigree::recipe {
namespace {

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

bool is_number(const std::string& column) {
  int64_t value = 0;
  const char* const end = column.data() + column.size();
  return std::from_chars(column.data(), end, value).ptr == end && !column.empty();
}

/// Whether all columns are given by number, so that nothing shows whether there is a header.
bool all_numbers(const DataConfig& data) {
  return !data.text.empty() && std::all_of(data.text.begin(), data.text.end(), is_number) &&
         (data.label.empty() || is_number(data.label));
}

/// Collects the broken rules of one data section.
class DataRules {
 public:
  DataRules(const DataConfig& data, Task model_task, const FormatTraits& format)
      : data_(data), model_task_(model_task), format_(format) {}

  std::vector<DataProblem> problems() {
    files();
    if (format_.named_columns && data_.task.empty()) columns();
    task();
    pack();
    texts();
    metric();
    return std::move(problems_);
  }

 private:
  void broken(const std::string& key, const std::string& message, std::vector<std::string> rests_on = {}) {
    problems_.push_back({key, message, std::move(rests_on)});
  }

  void files() {
    if (data_.dir.empty() && !format_.has_default_dir && !data_.train && !data_.dev && !data_.test)
      broken("data.dir", fmt::format("is missing: format {} needs the directory of its files", format_.name),
             {"data.format", "data.task"});
    for (const auto& [key, file] :
         {std::pair{"data.train", &data_.train}, {"data.dev", &data_.dev}, {"data.test", &data_.test}})
      if (*file && format_.has_default_dir)
        broken(key, fmt::format("names a file, but format {} has its own", format_.name), {"data.format", "data.task"});
  }

  void columns() {
    if (data_.text.empty())
      broken("data.text", "is missing: name the text column, or choose a preset with task",
             {"data.task", "data.format"});
    if (data_.label.empty() && !is_over_tokens(model_task_))
      broken("data.label", "is missing: name the label column, or choose a preset with task",
             {"data.task", "data.format", "model.task"});
    if (format_.header && !data_.header && all_numbers(data_))
      broken("data.header",
             "is missing: columns are named by number, so say whether the first line is a header (true) or a row "
             "(false)",
             {"data.task", "data.format", "data.text", "data.label"});
  }

  void task() {
    if (data_.task.empty() && std::ranges::find(format_.tasks, model_task_) == format_.tasks.end())
      broken("data.format",
             fmt::format("is {}, {}; use it with {}, not {}", format_.name, format_.content,
                         fmt::join(enum_names_of(format_.tasks), " or "), enum_name(model_task_)),
             {"model.task"});
  }

  void pack() {
    if (!data_.pack || model_task_ != Task::causal_lm) return;
    if (data_.text.size() > 1 || !format_.packs)
      broken("data.pack", "joins texts of one column; a context and its reference must stay together",
             {"data.text", "data.format"});
  }

  void texts() {
    if (data_.text.size() > 1 && model_task_ == Task::masked_lm)
      broken("data.text", "names two columns, but masked_lm takes one", {"model.task"});
    if (data_.text.empty() || format_.named_columns) return;
    if (format_.columns.empty() || model_task_ != Task::causal_lm)
      return broken("data.text", fmt::format("names columns, but format {} has none", format_.name), {"data.format"});
    for (const std::string& column : data_.text)
      if (!contains(format_.columns, column))
        broken("data.text",
               fmt::format("names column '{}'; {} has {}", column, format_.name, fmt::join(format_.columns, " and ")),
               {"data.format"});
  }

  void metric() {
    const auto classes = static_cast<int64_t>(data_.labels.size());
    if (!data_.metric || classes == 0 || model_task_ != Task::sequence_classification) return;
    if (!is_for_classes(*data_.metric, classes))
      broken("data.metric",
             fmt::format("is {}, which is for two classes, but data.labels names {}; use macro_f1",
                         enum_name(*data_.metric), classes),
             {"data.labels"});
  }

  const DataConfig& data_;
  Task model_task_;
  const FormatTraits& format_;
  std::vector<DataProblem> problems_;
};

}  // namespace

std::string format_of(const DataConfig& data) {
  if (data.task == "wordnet") return "wordnet";
  return data.task.empty() ? data.format : "tsv";
}

std::optional<DataProblem> preset_problem(const DataConfig& data, bool format_given) {
  const std::string format = format_of(data);
  if (!format_given || data.format == format) return std::nullopt;
  return DataProblem{"data.format",
                     fmt::format("is {}, but data.task: {} is a preset for files of the format {}; remove data.format, "
                                 "or remove data.task and describe the files with their own keys",
                                 data.format, data.task, format),
                     {"data.task"}};
}

std::vector<DataProblem> data_problems(const DataConfig& data, Task model_task, const Catalog& catalog) {
  const FormatTraits* given = catalog.find_format(data.format);
  const FormatTraits* format = catalog.find_format(format_of(data));
  if (given == nullptr || format == nullptr) return {};
  if (auto problem = preset_problem(data, data.format != DataConfig().format)) return {*std::move(problem)};
  return DataRules(data, model_task, *format).problems();
}

}  // namespace filigree::recipe
