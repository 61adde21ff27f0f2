#pragma once
// Labels as spelled in files. Whitespace around a label is ignored, and so is case if exactly one class then
// matches. Labels that are all numbers are compared as numbers, as pandas reads such a column: 1, 1.0 and +1
// are one class.
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace filigree::data {

constexpr size_t kMaxClasses = 10000;

/// The class names in order of their class numbers: numbers by value, in shortest form; else names by bytes.
std::vector<std::string> sorted_labels(const std::set<std::string>& labels);

/// The `labels` that pandas reads as a missing value (nan, NA, null, ...), if all others are numbers;
/// otherwise none, because next to names they are names.
std::set<std::string> missing_labels(const std::set<std::string>& labels);

/// Reads class names, and class numbers unless a name is a number itself.
class LabelReader {
 public:
  explicit LabelReader(const std::vector<std::string>& names);
  /// nullopt, and an error in `fault`, if the label is unknown.
  std::optional<int64_t> read(std::string_view field, std::string& fault) const;

 private:
  std::optional<int64_t> find(std::string_view text) const;
  std::optional<int64_t> find_in_any_case(std::string_view text) const;

  const std::vector<std::string>& names_;
  std::vector<std::optional<double>> values_;  ///< of the names that are numbers
  bool numbers_;                               ///< accept class numbers, because no name is a number
};

/// A finite decimal number.
std::optional<float> read_score(std::string_view text, std::string& fault);

}  // namespace filigree::data
