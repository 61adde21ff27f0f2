#include "core/nn/labels.h"

#include <ATen/ops/index_select.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

#include "core/error.h"

namespace filigree::nn {
namespace {

std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

std::vector<std::string> lower(std::vector<std::string> names) {
  for (std::string& name : names) name = lower(std::move(name));
  return names;
}

/// Index of each name; empty if a name is duplicated.
std::map<std::string, int64_t> places(const std::vector<std::string>& names) {
  std::map<std::string, int64_t> found;
  for (size_t i = 0; i < names.size(); ++i)
    if (!found.emplace(names[i], static_cast<int64_t>(i)).second) return {};
  return found;
}

std::optional<std::vector<int64_t>> by_name(const std::vector<std::string>& of_model,
                                            const std::vector<std::string>& of_task) {
  const auto classes = places(of_model);
  if (classes.empty() || places(of_task).empty()) return std::nullopt;
  std::vector<int64_t> order;
  for (const std::string& name : of_task) {
    const auto found = classes.find(name);
    if (found == classes.end()) return std::nullopt;
    order.push_back(found->second);
  }
  return order;
}

/// The numbers in the names ("3", "LABEL_3") if they are 0 .. n-1 in some order.
std::optional<std::vector<int64_t>> numbers_of(const std::vector<std::string>& names) {
  constexpr std::string_view kUnnamed = "LABEL_";
  std::vector<int64_t> numbers;
  std::vector<bool> seen(names.size());
  for (const std::string& name : names) {
    const char* begin = name.data() + (name.starts_with(kUnnamed) ? kUnnamed.size() : 0);
    const char* end = name.data() + name.size();
    size_t number = 0;
    const auto [stop, error] = std::from_chars(begin, end, number);
    if (error != std::errc() || stop != end || number >= names.size() || seen[number]) return std::nullopt;
    seen[number] = true;
    numbers.push_back(static_cast<int64_t>(number));
  }
  return numbers;
}

/// The values of the names if all are numbers: "1", "1.0".
std::optional<std::vector<double>> values_of(const std::vector<std::string>& names) {
  std::vector<double> values;
  for (const std::string& name : names) {
    double value = 0;
    const char* const end = name.data() + name.size();
    const auto [stop, error] = std::from_chars(name.data(), end, value);
    if (error != std::errc() || stop != end) return std::nullopt;
    values.push_back(value);
  }
  return values;
}

/// If both sides are numbers: matches each of the task's values to one of the model's.
std::optional<std::vector<int64_t>> by_value(const std::vector<double>& of_model, const std::vector<double>& of_task) {
  std::vector<int64_t> order;
  for (const double value : of_task) {
    if (std::ranges::count(of_model, value) != 1 || std::ranges::count(of_task, value) != 1) return std::nullopt;
    order.push_back(std::ranges::find(of_model, value) - of_model.begin());
  }
  return order;
}

/// If one side has numbers, they are indices into the other side's list.
std::optional<std::vector<int64_t>> by_number(const std::vector<std::string>& of_model,
                                              const std::vector<std::string>& of_task) {
  const auto model = numbers_of(of_model), task = numbers_of(of_task);
  if (!model && !task) return std::nullopt;
  std::vector<int64_t> order;
  for (size_t i = 0; i < of_task.size(); ++i) {
    const int64_t number = task ? (*task)[i] : static_cast<int64_t>(i);
    order.push_back(model ? std::find(model->begin(), model->end(), number) - model->begin() : number);
  }
  return order;
}

}  // namespace

std::optional<std::vector<int64_t>> match_labels(const std::vector<std::string>& of_model,
                                                 const std::vector<std::string>& of_task) {
  if (of_model.size() != of_task.size()) return std::nullopt;
  if (auto order = by_name(of_model, of_task)) return order;
  if (auto order = by_name(lower(of_model), lower(of_task))) return order;
  const auto model = values_of(of_model), task = values_of(of_task);
  if (model && task) return by_value(*model, *task);
  return by_number(of_model, of_task);
}

bool is_identity(const std::vector<int64_t>& order) {
  for (size_t i = 0; i < order.size(); ++i)
    if (order[i] != static_cast<int64_t>(i)) return false;
  return true;
}

void reorder_logits(Model& model, const std::vector<int64_t>& order) {
  if (is_identity(order)) return;
  Linear* classifier = model.linears().back();
  FG_CHECK(classifier->out_features() == static_cast<int64_t>(order.size()) && !classifier->output_hook,
           "the logits of '{}' cannot be reordered", classifier->name());
  const at::Tensor index = at::tensor(order, at::kLong);
  classifier->output_hook = [index](const at::Tensor& y) { return y.index_select(1, index.to(y.device())); };
}

}  // namespace filigree::nn
