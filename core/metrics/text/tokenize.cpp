#include "core/metrics/text/tokenize.h"

#include <fmt/format.h>
#include <unicode/locid.h>
#include <unicode/unistr.h>

#include "core/error.h"

namespace filigree::text_metrics {
namespace {

/// Length in bytes of the whitespace character at `at`; 0 if there is none.
size_t space_at(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0; };
  const auto first = byte(at), second = byte(at + 1), third = byte(at + 2);
  if ((first >= 0x09 && first <= 0x0d) || (first >= 0x1c && first <= 0x20)) return 1;
  if (first == 0xc2) return second == 0x85 || second == 0xa0 ? 2 : 0;  // U+0085, U+00A0
  if (first == 0xe1) return second == 0x9a && third == 0x80 ? 3 : 0;   // U+1680
  if (first == 0xe3) return second == 0x80 && third == 0x80 ? 3 : 0;   // U+3000
  if (first != 0xe2) return 0;
  if (second == 0x81) return third == 0x9f ? 3 : 0;                        // U+205F
  const bool in_2000 = third >= 0x80 && third <= 0x8a;                     // U+2000 to U+200A
  const bool separator = third == 0xa8 || third == 0xa9 || third == 0xaf;  // U+2028, U+2029, U+202F
  return second == 0x80 && (in_2000 || separator) ? 3 : 0;
}

/// Where the last word ends.
size_t end_of_text(std::string_view text) {
  size_t end = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t space = space_at(text, at);
    at += space ? space : 1;
    if (!space) end = at;
  }
  return end;
}

void replace_all(std::string& text, std::string_view what, std::string_view by) {
  for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size())
    text.replace(at, what.size(), by);
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_stop(char c) { return c == '.' || c == ','; }

/// The ASCII symbols that 13a always separates: all except ' , - .
bool is_13a_symbol(char c) {
  return (c >= ' ' && c <= '&') || (c >= '(' && c <= '+') || c == '/' || (c >= ':' && c <= '@') ||
         (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
}

/// Puts spaces between and around pairs of bytes, from left to right; no byte is part of two pairs. The rules
/// apply to characters; bytes give the same result, because a non-ASCII byte is neither a digit nor a mark.
template <class First, class Second>
std::string space_pairs(std::string_view text, const char* format, First first, Second second) {
  std::string out;
  for (size_t at = 0; at < text.size(); ++at) {
    if (at + 1 == text.size() || !first(text[at]) || !second(text[at + 1])) {
      out += text[at];
      continue;
    }
    for (const char* c = format; *c; ++c) out += *c == '1' ? text[at] : *c == '2' ? text[at + 1] : *c;
    ++at;
  }
  return out;
}

}  // namespace

Tokens split_words(std::string_view text) {
  Tokens words;
  bool open = false;
  for (size_t at = 0; at < text.size();) {
    const size_t space = space_at(text, at);
    if (!space) {
      if (!open) words.emplace_back();
      words.back() += text[at];
    }
    open = !space;
    at += space ? space : 1;
  }
  return words;
}

Tokens split_13a(std::string_view original) {
  std::string text(original.substr(0, end_of_text(original)));
  replace_all(text, "<skipped>", "");
  replace_all(text, "-\n", "");
  replace_all(text, "\n", " ");
  replace_all(text, "&quot;", "\"");
  replace_all(text, "&amp;", "&");
  replace_all(text, "&lt;", "<");
  replace_all(text, "&gt;", ">");
  std::string spaced = " ";
  for (const char c : text) is_13a_symbol(c) ? spaced.append({' ', c, ' '}) : spaced.append(1, c);
  spaced += ' ';
  const auto no_digit = [](char c) { return !is_digit(c); };
  spaced = space_pairs(spaced, "1 2 ", no_digit, is_stop);
  spaced = space_pairs(spaced, " 1 2", is_stop, no_digit);
  spaced = space_pairs(spaced, "1 2 ", is_digit, [](char c) { return c == '-'; });
  return split_words(spaced);
}

std::string lower(std::string_view text) {
  std::string out;
  icu::UnicodeString::fromUTF8(icu::StringPiece(text.data(), static_cast<int32_t>(text.size())))
      .toLower(icu::Locale::getRoot())
      .toUTF8String(out);
  return out;
}

std::vector<TokenizedSample> tokenize(const std::vector<TextSample>& samples, Tokenization tokenization, Case letters) {
  const auto split = [&](const std::string& original) {
    const std::string text = letters == Case::lower ? lower(original) : original;
    if (tokenization == Tokenization::mteval_13a) return split_13a(text);
    return tokenization == Tokenization::words ? split_words(text) : split_caption(text);
  };
  std::vector<TokenizedSample> tokenized;
  for (const auto& sample : samples) {
    if (sample.references.empty())
      throw DataError(fmt::format("sample {} of the generated texts has no reference", tokenized.size() + 1));
    auto& own = tokenized.emplace_back();
    own.hypothesis = split(sample.hypothesis);
    for (const auto& reference : sample.references) own.references.push_back(split(reference));
  }
  return tokenized;
}

}  // namespace filigree::text_metrics
