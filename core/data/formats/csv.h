#pragma once
// Reads the records of a CSV text (RFC 4180). Commas separate fields, and line ends separate records. A field
// in double quotes may hold both, and "" for a quote. Spaces around a field belong to it.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace filigree::data {

class CsvReader {
 public:
  CsvReader(std::string_view text, std::string file) : text_(text), file_(std::move(file)) {}

  /// Reads the next record, without blank lines; false at the end. A malformed record sets `fault` and ends
  /// with its line. Throws DataError on a quote that is never closed.
  bool next(std::vector<std::string>& fields, std::string& fault);
  int64_t line() const { return start_line_; }  ///< where the record starts

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
