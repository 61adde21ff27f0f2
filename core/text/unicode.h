#pragma once
// Unicode as the `tokenizers` package sees it, so that token ids agree for every code point. That package takes its
// tables from several Rust crates, each frozen at its own version of Unicode:
//
//   categories (control, format, private, punctuation, mark)   Unicode 8     unicode_categories
//   canonical decomposition and combining classes              Unicode 9     unicode-normalization-alignments
//   \w beside an added token with `single_word`                Unicode 16    regex
//   \p{L} and \p{N} of the byte-level pre-tokenizer            Unicode 16    onig (Oniguruma)
//   lower case                                                 Unicode 17    the standard library
//
// ICU's tables are newer or older, depending on the machine. Each property is therefore ICU's, filtered by the version
// that introduced a character (u_charAge). unicode.cpp and unicode_regex.cpp list the few characters that have changed
// since or that ICU 72 lacks. tests/core/text/unicode_parity_test.cpp compares every code point.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace filigree::data::unicode {

constexpr char32_t kReplacement = 0xfffd;
constexpr size_t kValid = static_cast<size_t>(-1);

/// Byte offset of the first byte that is not UTF-8 (surrogates and overlong forms are not), or kValid.
size_t find_invalid_utf8(std::string_view text);

/// The text with U+FFFD for each byte sequence that is not UTF-8, as next() reads it.
std::string replace_invalid(std::string_view text);

bool is_ascii(std::string_view text);

/// Decodes the character at `offset` and advances `offset`; an invalid sequence yields kReplacement.
char32_t next(std::string_view text, size_t& offset);
/// The character that ends at `end` (end > 0).
char32_t previous(std::string_view text, size_t end);
void append_utf8(char32_t c, std::string& out);
size_t utf8_size(char32_t c);  ///< bytes of a character

bool is_dropped(char32_t c);      ///< removed by BERT's clean-up: Cc (but `\t \n \r`), Cf, Co, NUL and U+FFFD
bool is_whitespace(char32_t c);   ///< White_Space
bool is_punctuation(char32_t c);  ///< category P, and every ASCII symbol
bool is_chinese(char32_t c);      ///< the CJK blocks that get spaces around them
bool is_nonspacing(char32_t c);   ///< category Mn
bool is_word(char32_t c);         ///< `\w` of a Unicode regular expression
bool is_letter(char32_t c);       ///< `\p{L}` of a Unicode regular expression
bool is_number(char32_t c);       ///< `\p{N}`, likewise

/// Canonical decomposition (NFD) in place, combining marks in canonical order.
void decompose(std::u32string& text);
/// Appends the lower case of one character (no context, so no final sigma).
void append_lower(char32_t c, std::u32string& out);

}  // namespace filigree::data::unicode
