#pragma once
// Text files that a user provides: read completely, with errors that name file and line.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/shown.h"

namespace filigree::data {

/// The bytes of a file, without a UTF-8 byte order mark. Throws DataError if it is missing, a directory, unreadable or
/// UTF-16.
std::string read_text_file(const std::string& path);

/// What is wrong with the encoding of a line ("byte 12 of the line (0xff) is not UTF-8"); empty if nothing is.
std::string encoding_fault(std::string_view text);

/// Splits a text into lines; "\n" and "\r\n" end a line, and a last line without an end counts.
class LineReader {
 public:
  explicit LineReader(std::string_view text) : rest_(text) {}
  bool next(std::string_view& line);
  int64_t number() const { return number_; }  ///< 1-based, of the line that next() returned

 private:
  std::string_view rest_;
  int64_t number_ = 0;
};

/// "file:line: message" as a DataError.
[[noreturn]] void fail_at(const std::string& file, int64_t line, const std::string& message);

/// Without whitespace at both ends, as Python's str.strip(), and without zero-width characters there.
std::string_view trimmed(std::string_view text);

using filigree::shown;

}  // namespace filigree::data
