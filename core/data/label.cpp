#include "core/data/label.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/counted.h"
#include "core/text/text_file.h"

namespace filigree::data {
namespace {

/// A finite decimal number, with or without a sign.
template <class T>
std::optional<T> parse(std::string_view text) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  T value{};
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return {};
  return value;
}

/// A number small enough that a double distinguishes neighboring integers (below 2^53).
std::optional<double> number_of(std::string_view text) {
  constexpr double kExact = 1LL << 53;
  const auto value = parse<double>(text);
  return value && std::abs(*value) < kExact ? value : std::nullopt;
}

bool is_whole(double value) { return value == std::floor(value); }

std::string shortest(double value) {
  return is_whole(value) ? fmt::format("{}", static_cast<int64_t>(value)) : fmt::format("{}", value);
}

}  // namespace

std::vector<std::string> sorted_labels(const std::set<std::string>& labels) {
  std::set<double> values;
  for (const std::string& label : labels) {
    const auto value = number_of(label);
    if (!value) return {labels.begin(), labels.end()};
    values.insert(*value);
  }
  std::vector<std::string> out;
  for (const double value : values) out.push_back(shortest(value));
  return out;
}

std::set<std::string> missing_labels(const std::set<std::string>& labels) {
  static const std::set<std::string, std::less<>> known{"#N/A", "#N/A N/A", "#NA",     "-1.#IND", "-1.#QNAN", "-NaN",
                                                        "-nan", "1.#IND",   "1.#QNAN", "<NA>",    "N/A",      "NA",
                                                        "NULL", "NaN",      "None",    "n/a",     "nan",      "null"};
  std::set<std::string> missing;
  for (const std::string& label : labels) {
    if (number_of(label)) continue;
    if (!known.contains(label)) return {};
    missing.insert(label);
  }
  return missing.size() < labels.size() ? missing : std::set<std::string>{};
}

LabelReader::LabelReader(const std::vector<std::string>& names)
    : names_(names),
      numbers_(
          std::ranges::none_of(names, [](const std::string& name) { return number_of(trimmed(name)).has_value(); })) {
  for (const std::string& name : names) values_.push_back(number_of(trimmed(name)));
}

/// The class whose name differs only in case, if there is exactly one.
std::optional<int64_t> LabelReader::find_in_any_case(std::string_view text) const {
  const auto lower = [](unsigned char c) { return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : static_cast<int>(c); };
  std::optional<int64_t> found;
  for (size_t i = 0; i < names_.size(); ++i) {
    if (!std::ranges::equal(trimmed(names_[i]), text, {}, lower, lower)) continue;
    if (found) return {};
    found = static_cast<int64_t>(i);
  }
  return found;
}

/// The class of a name, of a class number, or of a number that is spelled differently from the name.
std::optional<int64_t> LabelReader::find(std::string_view text) const {
  const auto it = std::ranges::find(names_, text, [](const std::string& name) { return trimmed(name); });
  if (it != names_.end()) return it - names_.begin();
  if (const auto found = find_in_any_case(text)) return found;
  const auto value = number_of(text);
  if (!value) return {};
  if (numbers_ && is_whole(*value) && *value >= 0 && *value < static_cast<double>(names_.size()))
    return static_cast<int64_t>(*value);
  const auto same = std::ranges::find(values_, value);
  return same == values_.end() ? std::nullopt : std::optional<int64_t>(same - values_.begin());
}

std::optional<int64_t> LabelReader::read(std::string_view field, std::string& fault) const {
  const std::string_view text = trimmed(field);
  if (const auto found = find(text)) return found;
  constexpr size_t kShown = 50;
  const auto last = names_.begin() + static_cast<std::ptrdiff_t>(std::min(names_.size(), kShown));
  const std::string known =
      fmt::format("{}{}", fmt::join(names_.begin(), last, ", "), names_.size() > kShown ? ", ..." : "");
  const auto number = number_of(text);
  if (number == -1) {
    fault = fmt::format(
        "label -1 marks a row without a label, as in GLUE's test files; the labels are {}. `filigree predict` labels "
        "such texts",
        known);
  } else if (numbers_ && number) {
    fault = fmt::format("label {} is out of range: the task has {} ({})", text, counted(names_.size(), "class"), known);
  } else {
    fault = fmt::format("label '{}' is not known; the labels are {}", shown(text), known);
  }
  return {};
}

std::optional<float> read_score(std::string_view text, std::string& fault) {
  const auto value = parse<float>(trimmed(text));
  if (value) return value;
  fault = fmt::format("label '{}' is not a finite number", shown(text));
  return {};
}

}  // namespace filigree::data
