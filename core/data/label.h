#pragma once
// Labels as files spell them; spaces around a label do not count.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace filigree::data {

constexpr size_t kMaxClasses = 10000;

/// A whole number from 0, as in a file of class numbers.
std::optional<int64_t> class_number(std::string_view text);

/// Reads class names, and class numbers unless the names are numbers themselves.
class LabelReader {
 public:
  explicit LabelReader(const std::vector<std::string>& names);
  /// nullopt, and what is wrong in `fault`, when the label is not known.
  std::optional<int64_t> read(std::string_view field, std::string& fault) const;

 private:
  const std::vector<std::string>& names_;
  bool numbers_;
};

/// A finite decimal number.
std::optional<float> read_score(std::string_view text, std::string& fault);

}  // namespace filigree::data
