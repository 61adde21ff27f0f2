#include "core/tokenizer/byte_level.h"

#include "core/text/unicode.h"

namespace filigree::data::byte_level {
namespace {

enum class Kind : uint8_t { letter, number, space, other };

constexpr char32_t kFirstSubstitute = 0x100, kSubstitutes = 68;

bool stands_for_itself(char32_t c) {
  return (c >= '!' && c <= '~') || (c >= 0xa1 && c <= 0xac) || (c >= 0xae && c <= 0xff);
}

/// Byte of each character below kFirstSubstitute + kSubstitutes; -1 where the alphabet has no such character.
std::array<int, kFirstSubstitute + kSubstitutes> byte_table() {
  std::array<int, kFirstSubstitute + kSubstitutes> table{};
  size_t substitute = kFirstSubstitute;
  for (size_t c = 0; c < kFirstSubstitute; ++c) {
    const bool itself = stands_for_itself(static_cast<char32_t>(c));
    table[c] = itself ? static_cast<int>(c) : -1;
    if (!itself) table[substitute++] = static_cast<int>(c);
  }
  return table;
}

Kind classify(char32_t c) {
  if (unicode::is_whitespace(c)) return Kind::space;
  if (unicode::is_letter(c)) return Kind::letter;
  return unicode::is_number(c) ? Kind::number : Kind::other;
}

std::array<Kind, 128> ascii_table() {
  std::array<Kind, 128> table{};
  for (size_t c = 0; c < table.size(); ++c) table[c] = classify(static_cast<char32_t>(c));
  return table;
}

/// Kind of the character at `at`; moves `at` past it.
Kind read(std::string_view text, size_t& at) {
  static const auto ascii = ascii_table();
  const auto byte = static_cast<uint8_t>(text[at]);
  if (byte < ascii.size()) {
    ++at;
    return ascii[byte];
  }
  return classify(unicode::next(text, at));
}

/// End of the run of characters of this kind that starts at `at`.
size_t run_end(std::string_view text, size_t at, Kind kind) {
  for (size_t i = at; at < text.size() && read(text, i) == kind;) at = i;
  return at;
}

/// Length in bytes of the contraction at the start of the text; 0 if there is none.
size_t contraction(std::string_view text) {
  for (const std::string_view ending : {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"})
    if (text.starts_with(ending)) return ending.size();
  return 0;
}

/// End of a whitespace word, `\s+(?!\S)|\s+`: the whole run at the end of the text; otherwise all but its
/// last character, unless that is the only one.
size_t space_end(std::string_view text, size_t start, size_t at) {
  size_t last = start;  // start of the run's last character
  while (at < text.size()) {
    size_t i = at;
    if (read(text, i) != Kind::space) return last > start ? last : at;
    last = at;
    at = i;
  }
  return at;
}

}  // namespace

const std::array<std::string, 256>& alphabet() {
  static const auto characters = [] {
    std::array<std::string, 256> out;
    const auto bytes = byte_table();
    for (size_t c = 0; c < bytes.size(); ++c)
      if (bytes[c] >= 0) unicode::append_utf8(static_cast<char32_t>(c), out[static_cast<size_t>(bytes[c])]);
    return out;
  }();
  return characters;
}

std::optional<std::string> bytes_of(std::string_view token) {
  static const auto table = byte_table();
  std::string bytes;
  for (size_t i = 0; i < token.size();) {
    const char32_t c = unicode::next(token, i);
    if (c >= table.size() || table[c] < 0) return {};
    bytes.push_back(static_cast<char>(table[c]));
  }
  return bytes;
}

size_t word_end(std::string_view text, size_t start) {
  if (text[start] == '\'')
    if (const size_t bytes = contraction(text.substr(start)); bytes > 0) return start + bytes;
  size_t at = start;
  const Kind kind = read(text, at);
  if (kind != Kind::space) return run_end(text, at, kind);
  if (text[start] == ' ' && at < text.size()) {
    size_t behind = at;
    const Kind following = read(text, behind);
    if (following != Kind::space) return run_end(text, behind, following);
  }
  return space_end(text, start, at);
}

}  // namespace filigree::data::byte_level
