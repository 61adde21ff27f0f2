#include "core/adapt/methods/targets.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <ranges>
#include <set>
#include <string_view>

#include "core/name_pattern.h"
#include "core/recipe/key_error.h"

namespace filigree::adapt {
namespace {

bool is_number(std::string_view word) {
  return !word.empty() && std::all_of(word.begin(), word.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
}

/// The short name of a linear: the words after its layer number, or the full name if it has none.
std::string short_name(const std::string& name) {
  const auto parts = words_of(name);
  size_t first = 0;
  for (size_t i = 0; i + 1 < parts.size(); ++i)
    if (is_number(parts[i])) first = i + 1;
  return fmt::format("{}", fmt::join(parts.begin() + static_cast<std::ptrdiff_t>(first), parts.end(), "."));
}

recipe::KeyFault no_linear(nn::Model& model, const std::string& target) {
  std::vector<std::string> available;
  std::set<std::string> seen;
  for (const nn::Linear* linear : model.linears()) {
    const std::string name = short_name(linear->name());
    if (seen.insert(name).second) available.push_back(name);
  }
  return {"targets", fmt::format("'{}' names no linear of this {} model; it has: {}", target, model.family(),
                                 fmt::join(available, ", "))};
}

}  // namespace

std::vector<nn::Linear*> matching_linears(nn::Model& model, const std::vector<std::string>& targets) {
  const std::vector<nn::Linear*> all = model.linears();
  const auto named_by = [](const std::string& target) {
    return [&target](const nn::Linear* linear) { return names(target, linear->name()); };
  };
  std::vector<recipe::KeyFault> faults;
  for (const std::string& target : targets)
    if (std::ranges::none_of(all, named_by(target))) faults.push_back(no_linear(model, target));
  if (!faults.empty()) throw recipe::KeyError(std::move(faults));
  std::vector<nn::Linear*> matching;
  std::ranges::copy_if(all, std::back_inserter(matching), [&](const nn::Linear* linear) {
    return std::ranges::any_of(targets, [&](const std::string& target) { return names(target, linear->name()); });
  });
  return matching;
}

void set_trainable(nn::Model& model, const std::function<bool(const nn::Parameter&)>& trains) {
  nn::ParameterTable& table = model.parameters();
  for (const nn::ParameterPtr& parameter : table) {
    if (parameter->role != nn::Role::frozen && parameter->role != nn::Role::trainable) continue;
    const nn::Role role = trains(*parameter) ? nn::Role::trainable : nn::Role::frozen;
    if (parameter->role != role) table.set_role(*parameter, role);
  }
}

void refuse_idle(nn::Model& model, const std::vector<std::string>& words, const std::string& key,
                 const std::function<bool(const std::string&, const std::string&)>& matches) {
  std::vector<recipe::KeyFault> faults;
  for (const std::string& word : words) {
    const bool used = std::any_of(model.parameters().begin(), model.parameters().end(),
                                  [&](const nn::ParameterPtr& parameter) { return matches(word, parameter->name); });
    if (!used) faults.push_back({key, fmt::format("'{}' matches no parameter of this {} model", word, model.family())});
  }
  if (!faults.empty()) throw recipe::KeyError(std::move(faults));
}

std::function<bool(const nn::Parameter&)> in_head(const nn::Model& model) {
  const std::vector<std::string> list = model.head_parameters();
  return [names = std::set<std::string>(list.begin(), list.end())](const nn::Parameter& parameter) {
    return names.contains(parameter.name);
  };
}

void train_modules(nn::Model& model, const std::vector<std::string>& modules,
                   const std::function<bool(const std::string&, const std::string&)>& matches) {
  refuse_idle(model, modules, "modules", matches);
  const auto wanted = modules.empty() ? std::vector<std::string>{"*"} : modules;
  set_trainable(model, [&, head = in_head(model)](const nn::Parameter& parameter) {
    return head(parameter) || std::any_of(wanted.begin(), wanted.end(),
                                          [&](const std::string& module) { return matches(module, parameter.name); });
  });
}

}  // namespace filigree::adapt
