#include "core/data/label.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/data/text_file.h"

namespace filigree::data {
namespace {

template <class T>
std::optional<T> parse(std::string_view text) {
  T value{};
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size()) return {};
  return value;
}

}  // namespace

std::optional<int64_t> class_number(std::string_view text) {
  const auto value = parse<int64_t>(text);
  return value && *value >= 0 ? value : std::nullopt;
}

LabelReader::LabelReader(const std::vector<std::string>& names)
    : names_(names), numbers_(std::none_of(names.begin(), names.end(), [](const std::string& name) {
        return class_number(name).has_value();
      })) {}

std::optional<int64_t> LabelReader::read(std::string_view field, std::string& fault) const {
  const std::string_view text = trimmed(field);
  const auto it = std::find(names_.begin(), names_.end(), text);
  if (it != names_.end()) return it - names_.begin();
  const auto number = numbers_ ? class_number(text) : std::nullopt;
  if (number && *number < static_cast<int64_t>(names_.size())) return number;
  constexpr size_t kShown = 50;
  const auto last = names_.begin() + static_cast<std::ptrdiff_t>(std::min(names_.size(), kShown));
  const std::string known =
      fmt::format("{}{}", fmt::join(names_.begin(), last, ", "), names_.size() > kShown ? ", ..." : "");
  if (number) {
    fault = fmt::format("label {} is out of range: there are {} classes ({})", *number, names_.size(), known);
  } else {
    fault = fmt::format("label '{}' is not known; the labels are {}", shown(text), known);
  }
  return {};
}

std::optional<float> read_score(std::string_view text, std::string& fault) {
  const auto value = parse<float>(trimmed(text));
  if (value && std::isfinite(*value)) return value;
  fault = fmt::format("label '{}' is not a finite number", shown(text));
  return {};
}

}  // namespace filigree::data
