#pragma once
// Labels as files spell them. Whitespace around a label does not count, nor does upper or lower case where it leaves
// one class. Labels that are all numbers are compared as numbers, as pandas reads such a column: 1, 1.0 and +1 are one
// class.
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace filigree::data {

constexpr size_t kMaxClasses = 10000;

/// The names of the classes in order of their numbers: numbers by size, in their shortest form, else names by bytes.
std::vector<std::string> sorted_labels(const std::set<std::string>& labels);

/// Those of `labels` that stand for a missing value, as pandas reads them (nan, NA, null, ...), where all others are
/// numbers; beside names they are names.
std::set<std::string> missing_labels(const std::set<std::string>& labels);

/// Reads class names, and class numbers unless a name is a number itself.
class LabelReader {
 public:
  explicit LabelReader(const std::vector<std::string>& names);
  /// nullopt, and what is wrong in `fault`, when the label is not known.
  std::optional<int64_t> read(std::string_view field, std::string& fault) const;

 private:
  std::optional<int64_t> find(std::string_view text) const;
  std::optional<int64_t> find_in_any_case(std::string_view text) const;

  const std::vector<std::string>& names_;
  std::vector<std::optional<double>> values_;  ///< of the names that are numbers
  bool numbers_;                               ///< no name is a number
};

/// A finite decimal number.
std::optional<float> read_score(std::string_view text, std::string& fault);

}  // namespace filigree::data
