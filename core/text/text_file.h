#pragma once
// Text files as a user may hand them over: read whole, with errors that name file and line.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/shown.h"

namespace filigree::data {

/// The bytes of a file, without a UTF-8 byte order mark. Throws DataError when it is missing, a folder, unreadable or
/// UTF-16.
std::string read_text_file(const std::string& path);

/// What is wrong with the encoding of a piece of text ("byte 12 is not UTF-8", "NUL byte at 3"); empty when nothing is.
std::string encoding_fault(std::string_view text);

/// Cuts a text into lines; "\n" and "\r\n" end a line, a last line without an end counts.
class LineReader {
 public:
  explicit LineReader(std::string_view text) : rest_(text) {}
  bool next(std::string_view& line);
  int64_t number() const { return number_; }  ///< 1-based, of the line that next() gave

 private:
  std::string_view rest_;
  int64_t number_ = 0;
};

/// "file:line: message" as a DataError.
[[noreturn]] void fail_at(const std::string& file, int64_t line, const std::string& message);

/// Without whitespace at both ends, as Python's str.strip(), and without characters of zero width there.
std::string_view trimmed(std::string_view text);

using filigree::shown;

}  // namespace filigree::data
