#pragma once
// Records of a CSV text after RFC 4180: fields parted by commas, records by line ends; a field in double quotes may
// hold both, and "" for a quote. Space around a field belongs to it.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace filigree::data {

class CsvReader {
 public:
  CsvReader(std::string_view text, std::string file) : text_(text), file_(std::move(file)) {}

  /// The next record that is not a blank line; false at the end. A record with a fault sets `fault` and ends with its
  /// line. Throws DataError on a quote that is never closed.
  bool next(std::vector<std::string>& fields, std::string& fault);
  int64_t line() const { return start_line_; }  ///< on which the record began

 private:
  bool field(std::string& out, std::string& fault);
  void quoted(std::string& out);
  bool at_line_end() const;
  void skip_blank_lines();
  void skip_line_end();

  std::string_view text_;
  std::string file_;
  size_t at_ = 0;
  int64_t line_ = 1, start_line_ = 0;
};

}  // namespace filigree::data
