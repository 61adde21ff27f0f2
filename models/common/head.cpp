#include "models/common/head.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "core/counted.h"
#include "core/nn/labels.h"

namespace filigree::models {
namespace {

using nlohmann::json;

constexpr const char* kMultiLabel = "multi_label_classification";

/// Heads of transformers whose tensors are named like a text classifier's but mean something else.
constexpr const char* kOtherHeads[] = {"ForTokenClassification", "ForMultipleChoice", "ForQuestionAnswering",
                                       "ForNextSentencePrediction"};

std::vector<std::string> architectures(const ConfigReader& in) {
  std::vector<std::string> names;
  if (const json* list = in.find("architectures"); list != nullptr && list->is_array())
    for (const json& name : *list)
      if (name.is_string()) names.push_back(name.get<std::string>());
  return names;
}

/// A class name as Python's str() formats it.
std::string label_text(const ConfigReader& in, const std::string& key, const json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "True" : "False";
  if (value.is_number()) return value.dump();
  in.refuse("id2label: the name of class {} must be text or a number, not {}", key, shown(value));
}

int64_t class_number(const ConfigReader& in, const std::string& key, size_t classes) {
  int64_t number = -1;
  const auto [stop, error] = std::from_chars(key.data(), key.data() + key.size(), number);
  if (error != std::errc() || stop != key.data() + key.size())
    in.refuse("id2label: the key '{}' is not the number of a class", key);
  if (number < 0 || number >= static_cast<int64_t>(classes))
    in.refuse("id2label names {}, numbered from 0, but has the key '{}'", counted(classes, "class"), key);
  return number;
}

/// nullopt: config.json names no classes.
std::optional<std::vector<std::string>> stored_names(const ConfigReader& in) {
  const json* id2label = in.find("id2label");
  if (id2label == nullptr) return std::nullopt;
  if (!id2label->is_object())
    in.refuse("id2label must be an object that maps class numbers to names, not {}", shown(*id2label));
  if (id2label->empty()) return std::nullopt;
  std::vector<std::optional<std::string>> names(id2label->size());
  for (const auto& [key, value] : id2label->items())
    names[static_cast<size_t>(class_number(in, key, names.size()))] = label_text(in, key, value);
  std::vector<std::string> all;
  for (size_t i = 0; i < names.size(); ++i) {
    if (!names[i]) in.refuse("id2label has no name for class {}", i);
    all.push_back(*names[i]);
  }
  return all;
}

int64_t stored_count(const ConfigReader& in, const std::optional<std::vector<std::string>>& names) {
  return names ? static_cast<int64_t>(names->size()) : in.size("num_labels", 2);
}

HeadFit fit_of(const ConfigReader& in, const ModelOptions& options,
               const std::optional<std::vector<std::string>>& stored) {
  HeadFit fit;
  if (in.text("problem_type", "") == kMultiLabel) fit.mismatch = fmt::format("problem_type is {}", kMultiLabel);
  for (const std::string& name : architectures(in))
    for (const char* other : kOtherHeads)
      if (name.ends_with(other)) fit.mismatch = fmt::format("it belongs to a {}", name);
  const std::vector<std::string>& wanted = options.label_names;
  if (!fit.mismatch.empty() || options.task == Task::regression || !stored || stored->size() != wanted.size())
    return fit;
  const auto order = nn::match_labels(*stored, wanted);
  if (order && !nn::is_identity(*order)) fit.order = *order;
  if (!order)
    fit.mismatch =
        fmt::format("its labels are {}, but the task's are {}", nn::short_list(*stored), nn::short_list(wanted));
  return fit;
}

void write_names(std::vector<std::string> names, int64_t count, json& config) {
  for (auto i = static_cast<int64_t>(names.size()); i < count; ++i) names.push_back(fmt::format("LABEL_{}", i));
  FG_CHECK(static_cast<int64_t>(names.size()) == count, "{} label names for {} labels", names.size(), count);
  json id2label = json::object(), label2id = json::object();
  for (size_t i = 0; i < names.size(); ++i) {
    id2label[std::to_string(i)] = names[i];
    label2id[names[i]] = i;
  }
  config["id2label"] = id2label;
  config["label2id"] = label2id;
  config.erase("num_labels");
}

}  // namespace

Labels read_labels(const ConfigReader& in, const ModelOptions& options, int64_t fallback, json& config) {
  if (is_over_tokens(options.task)) return {fallback, {}};
  const auto stored = stored_names(in);
  Labels labels;
  labels.count = options.task == Task::regression ? 1
                 : options.num_labels > 0         ? options.num_labels
                                                  : stored_count(in, stored);
  labels.fit = fit_of(in, options, stored);
  std::vector<std::string> names = options.label_names;
  if (names.empty() && stored && stored_count(in, stored) == labels.count) names = *stored;
  write_names(std::move(names), labels.count, config);
  return labels;
}

Task task_in(const ConfigReader& in) {
  for (const std::string& name : architectures(in)) {
    if (name.ends_with("ForMaskedLM")) return Task::masked_lm;
    if (name.ends_with("LMHeadModel")) return Task::causal_lm;
  }
  const std::string problem = in.text("problem_type", "");
  if (problem == "regression") return Task::regression;
  const int64_t classes = stored_count(in, stored_names(in));
  if (problem == "single_label_classification" && classes == 1)
    in.refuse("problem_type is {}, which needs at least two classes; there is 1", problem);
  const bool one = problem.empty() && classes == 1;
  return one ? Task::regression : Task::sequence_classification;
}

}  // namespace filigree::models
