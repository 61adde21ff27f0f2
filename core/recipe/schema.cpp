#include "core/recipe/schema.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <type_traits>

#include "core/recipe/suggest.h"
#include "core/shown.h"

namespace filigree::recipe {
namespace {

std::string type_text(const std::string*) { return "text"; }
std::string type_text(const int64_t*) { return "whole number"; }
std::string type_text(const double*) { return "number"; }
std::string type_text(const bool*) { return "true or false"; }
std::string type_text(const std::vector<std::string>*) { return "list of texts"; }
std::string type_text(const std::optional<MethodConfig>*) { return "method"; }
template <class T>
std::string type_text(const std::optional<T>*) {
  return type_text(static_cast<const T*>(nullptr));
}
std::string type_text(const Choice&) { return "text"; }
std::string type_text(const ChoiceList&) { return "list of texts"; }
std::string type_text(const Section&) { return "section"; }
std::string type_text(const SectionList&) { return "list of sections"; }

std::string text_of(const std::string* value) { return *value; }
std::string text_of(const int64_t* value) { return fmt::format("{}", *value); }
std::string text_of(const double* value) { return fmt::format("{}", *value); }
std::string text_of(const bool* value) { return *value ? "true" : "false"; }
std::string text_of(const std::vector<std::string>& values) {
  return values.empty() ? "" : fmt::format("[{}]", fmt::join(values, ", "));
}
std::string text_of(const std::vector<std::string>* value) { return text_of(*value); }
std::string text_of(const std::optional<MethodConfig>* value) { return value->has_value() ? (*value)->name : ""; }
template <class T>
std::string text_of(const std::optional<T>* value) {
  return value->has_value() ? text_of(&**value) : "";
}
std::string text_of(const Choice& choice) { return choice.get(); }
std::string text_of(const ChoiceList& choices) { return text_of(choices.get()); }
std::string text_of(const Section&) { return ""; }
std::string text_of(const SectionList&) { return ""; }

std::string list_choices(const std::vector<std::string>& choices) {
  std::vector<std::string> names;
  for (const std::string& choice : choices) names.push_back(choice.empty() ? "''" : choice);
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace

Field& Field::required() {
  required_ = true;
  return *this;
}

Field& Field::one_of(std::vector<std::string> choices) {
  choices_ = std::move(choices);
  return *this;
}

Field& Field::items_at_most(size_t count) {
  items_at_most_ = count;
  return *this;
}

Field& Field::formerly(std::string key) {
  former_key_ = std::move(key);
  return *this;
}

Field& Field::unique() {
  unique_ = true;
  return *this;
}

Field& Field::patterns() {
  patterns_ = true;
  return unique();
}

Field& Field::rule(std::string text, std::function<std::string()> problem) {
  rule_text_ = std::move(text);
  rule_ = std::move(problem);
  return *this;
}

Field& Field::only(std::string other_key, std::string state, std::function<bool()> applies) {
  conditions_.push_back({std::move(other_key), std::move(state), std::move(applies)});
  return *this;
}

Field& Field::later_rule(std::function<std::string()> problem) {
  later_rule_ = std::move(problem);
  return *this;
}

Field& Field::no_default() {
  no_default_ = true;
  return *this;
}

Field& Field::written(std::function<bool()> written) {
  written_ = std::move(written);
  return *this;
}

const Condition* Field::unmet() const {
  const auto found = std::ranges::find_if(conditions_, [](const Condition& condition) { return !condition.is_met(); });
  return found == conditions_.end() ? nullptr : &*found;
}

std::string Field::when() const {
  std::vector<std::string> texts;
  for (const Condition& condition : conditions_) texts.push_back(condition.text());
  return fmt::format("{}", fmt::join(texts, " and "));
}

/// A required list or text is never blank. The others have an empty default, or none.
bool Field::is_blank() const {
  return std::visit(
      [&](const auto& target) {
        using T = std::decay_t<decltype(target)>;
        constexpr bool kHasText = std::is_same_v<T, std::string*> || std::is_same_v<T, std::vector<std::string>*> ||
                                  std::is_same_v<T, Choice> || std::is_same_v<T, ChoiceList>;
        if constexpr (kHasText) return !required_ && text_of(target).empty();
        return false;
      },
      target_);
}

std::string Field::number_problem(double value, const std::string& given) const {
  const std::string missed = range_ ? range_->missed(value) : "";
  return missed.empty() ? "" : fmt::format("is {}, must be {}", shown(given), missed);
}

std::string Field::choice_problem(const std::string& value) const {
  if (choices_.empty() || std::find(choices_.begin(), choices_.end(), value) != choices_.end()) return "";
  return fmt::format("is '{}', must be one of {}{}", shown(value), list_choices(choices_),
                     did_you_mean(nearest(value, choices_)));
}

std::string Field::list_problem(const std::vector<std::string>& values) const {
  if (required_ && values.empty()) return "is an empty list; give at least one item";
  if (items_at_most_ && values.size() > *items_at_most_) {
    return fmt::format("has {} items; at most {} are allowed", values.size(), *items_at_most_);
  }
  std::set<std::string> seen;
  for (const std::string& value : values) {
    if (const std::string problem = choice_problem(value); !problem.empty()) return problem;
    if (unique_ && !seen.insert(value).second) return fmt::format("names '{}' twice", shown(value));
  }
  return "";
}

std::string Field::problem(const std::string& given) const {
  const std::string own = std::visit(
      [&](const auto& target) -> std::string {
        using T = std::decay_t<decltype(target)>;
        if constexpr (std::is_same_v<T, int64_t*> || std::is_same_v<T, double*>) {
          return number_problem(static_cast<double>(*target), given);
        } else if constexpr (std::is_same_v<T, std::optional<int64_t>*> || std::is_same_v<T, std::optional<double>*>) {
          return *target ? number_problem(static_cast<double>(**target), given) : "";
        } else if constexpr (std::is_same_v<T, std::string*>) {
          return required_ && target->empty() ? "is empty" : choice_problem(*target);
        } else if constexpr (std::is_same_v<T, std::optional<std::string>*>) {
          return *target ? choice_problem(**target) : "";
        } else if constexpr (std::is_same_v<T, std::vector<std::string>*>) {
          return list_problem(*target);
        } else if constexpr (std::is_same_v<T, ChoiceList>) {
          return list_problem(target.get());
        } else {
          return "";
        }
      },
      target_);
  return own.empty() && rule_ ? rule_() : own;
}

std::string Field::later_problem() const {
  if (const auto* list = std::get_if<std::vector<std::string>*>(&target_); patterns_ && list != nullptr)
    if (std::ranges::find(**list, "") != (*list)->end())
      return "contains an empty text, which names nothing; remove it";
  return later_rule_ ? later_rule_() : "";
}

std::string Field::type_name() const {
  return std::visit([](const auto& target) { return type_text(target); }, target_);
}

std::string Field::value_text() const {
  return std::visit([](const auto& target) { return text_of(target); }, target_);
}

std::string Field::allowed() const {
  std::string text = range_ ? range_->text() : "";
  if (!choices_.empty()) text += fmt::format("{}one of {}", text.empty() ? "" : ", ", list_choices(choices_));
  if (!rule_text_.empty()) text += (text.empty() ? "" : ", ") + rule_text_;
  return text;
}

std::vector<std::string> Schema::format_names() const {
  return catalog_ == nullptr ? std::vector<std::string>{} : catalog_->format_names();
}

std::vector<std::string> Schema::preset_names() const {
  if (catalog_ == nullptr) return {};
  std::vector<std::string> names = catalog_->presets;
  names.insert(names.begin(), "");
  return names;
}

std::vector<std::string> Schema::score_names() const {
  return catalog_ == nullptr ? std::vector<std::string>{} : catalog_->score_names();
}

const ScoreTraits* Schema::find_score(const std::string& name) const {
  return catalog_ == nullptr ? nullptr : catalog_->find_score(name);
}

const Field* Schema::find_former(const std::string& key) const {
  const auto found =
      std::find_if(fields_.begin(), fields_.end(), [&](const Field& field) { return field.former_key() == key; });
  return key.empty() || found == fields_.end() ? nullptr : &*found;
}

const Field* Schema::find(const std::string& key) const {
  const auto found =
      std::find_if(fields_.begin(), fields_.end(), [&](const Field& field) { return field.key() == key; });
  return found == fields_.end() ? nullptr : &*found;
}

}  // namespace filigree::recipe
