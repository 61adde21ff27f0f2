#include "core/text/text_file.h"

#include <fmt/format.h>

#include "core/error.h"
#include "core/files/read.h"
#include "core/text/unicode.h"

namespace filigree::data {
namespace {

/// Python's str.isspace() for one character, or a zero-width character that editors leave behind.
bool is_blank(char32_t c) {
  constexpr char32_t kFileSeparator = 0x1c, kUnitSeparator = 0x1f, kZeroWidthSpace = 0x200b, kWordJoiner = 0x2060,
                     kByteOrderMark = 0xfeff;
  return unicode::is_whitespace(c) || (c >= kFileSeparator && c <= kUnitSeparator) || c == kZeroWidthSpace ||
         c == kWordJoiner || c == kByteOrderMark;
}

}  // namespace

std::string read_text_file(const std::string& path) {
  std::string text = files::read_file_or_stream(path);
  if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff"))
    throw DataError(fmt::format("{}: is UTF-16; convert it to UTF-8, for example with iconv", path));
  if (text.starts_with("\xef\xbb\xbf")) text.erase(0, 3);
  return text;
}

std::string encoding_fault(std::string_view text) {
  if (const size_t at = unicode::find_invalid_utf8(text); at != unicode::kValid)
    return fmt::format("byte {} of the line (0x{:02x}) is not UTF-8", at + 1, static_cast<uint8_t>(text[at]));
  if (const size_t at = text.find('\0'); at != std::string_view::npos)
    return fmt::format("byte {} of the line is NUL; is this a text file?", at + 1);
  return "";
}

bool LineReader::next(std::string_view& line) {
  if (rest_.empty()) return false;
  const size_t end = rest_.find('\n');
  line = rest_.substr(0, end);
  rest_ = end == std::string_view::npos ? std::string_view() : rest_.substr(end + 1);
  if (end != std::string_view::npos && line.ends_with('\r')) line.remove_suffix(1);
  ++number_;
  return true;
}

void fail_at(const std::string& file, int64_t line, const std::string& message) {
  throw DataError(fmt::format("{}:{}: {}", file, line, message));
}

std::string_view trimmed(std::string_view text) {
  size_t begin = 0, end = text.size();
  for (size_t next = 0; next < text.size() && is_blank(unicode::next(text, next));) begin = next;
  while (end > begin) {
    const char32_t last = unicode::previous(text, end);
    if (!is_blank(last)) break;
    end -= unicode::utf8_size(last);
  }
  return text.substr(begin, end - begin);
}

}  // namespace filigree::data
