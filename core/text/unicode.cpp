#include "core/text/unicode.h"

#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "core/error.h"
#include "core/text/unicode_tables.h"

namespace filigree::data::unicode {
namespace {

constexpr int kCategories = 8, kNormalization = 9, kCase = 17;
constexpr char32_t kFirstMark = 0x300;  ///< the first combining mark

/// Category in Unicode 8.
int category(char32_t c) {
  switch (c) {  // changed since: Mongolian Baluda, Hanunoo and Javanese marks, Sharada Sandhi, Canadian full stop
    case 0x1885:
    case 0x1886:
      return U_OTHER_LETTER;
    case 0x1734:
      return U_NON_SPACING_MARK;
    case 0xa9bd:
      return U_COMBINING_SPACING_MARK;
    case 0x111c9:
    case 0x166d:
      return U_OTHER_PUNCTUATION;
    default:
      break;
  }
  const int type = u_charType(static_cast<UChar32>(c));
  return type != U_UNASSIGNED && age(c) <= kCategories ? type : U_UNASSIGNED;
}

// Capitals added in Unicode 16 and 17, for an ICU that does not have them yet.
char32_t new_lower(char32_t c) {
  switch (c) {
    case 0x1c89:
    case 0xa7cc:
    case 0xa7ce:
    case 0xa7d2:
    case 0xa7d4:
    case 0xa7da:
      return c + 1;
    case 0xa7cb:
      return 0x264;
    case 0xa7dc:
      return 0x19b;
    default:
      break;
  }
  if (c >= 0x10d50 && c <= 0x10d65) return c + 0x20;
  if (c >= 0x16ea0 && c <= 0x16eb8) return c + 0x1b;
  return c;
}

const icu::Normalizer2& nfd() {
  UErrorCode code = U_ZERO_ERROR;
  const icu::Normalizer2* instance = icu::Normalizer2::getNFDInstance(code);
  FG_CHECK(U_SUCCESS(code) && instance != nullptr, "ICU has no NFD data: {}", u_errorName(code));
  return *instance;
}

int combining_class(char32_t c) {
  if (c < kFirstMark) return 0;
  const int value = u_getCombiningClass(static_cast<UChar32>(c));
  return value == 0 || age(c) > kNormalization ? 0 : value;
}

/// Stable sort of each run of marks by combining class.
void reorder(std::u32string& text) {
  for (auto first = text.begin(); first != text.end();) {
    if (combining_class(*first) == 0) {
      ++first;
      continue;
    }
    const auto last = std::find_if(first, text.end(), [](char32_t c) { return combining_class(c) == 0; });
    if (last - first > 1)
      std::stable_sort(first, last, [](char32_t a, char32_t b) { return combining_class(a) < combining_class(b); });
    first = last;
  }
}

}  // namespace

size_t find_invalid_utf8(std::string_view text) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  const auto length = static_cast<int64_t>(text.size());
  for (int64_t i = 0; i < length;) {
    if (bytes[i] < 0x80) {
      ++i;
      continue;
    }
    const int64_t start = i;
    UChar32 c = 0;
    U8_NEXT(bytes, i, length, c);  // NOLINT(bugprone-inc-dec-in-conditions): within the macro of ICU
    if (c < 0) return static_cast<size_t>(start);
  }
  return kValid;
}

std::string replace_invalid(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 8);
  for (size_t i = 0; i < text.size();) append_utf8(next(text, i), out);
  return out;
}

bool is_ascii(std::string_view text) {
  size_t i = 0;
  for (uint64_t word = 0; i + 8 <= text.size(); i += 8) {
    std::memcpy(&word, text.data() + i, 8);
    if ((word & 0x8080808080808080ULL) != 0) return false;
  }
  for (; i < text.size(); ++i)
    if (static_cast<uint8_t>(text[i]) >= 0x80) return false;
  return true;
}

char32_t next(std::string_view text, size_t& offset) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  auto i = static_cast<int64_t>(offset);
  UChar32 c = 0;
  const auto length = static_cast<int64_t>(text.size());
  U8_NEXT(bytes, i, length, c);  // NOLINT(bugprone-inc-dec-in-conditions): within the macro of ICU
  offset = static_cast<size_t>(i);
  return c < 0 ? kReplacement : static_cast<char32_t>(c);
}

char32_t previous(std::string_view text, size_t end) {
  size_t start = end - 1;
  while (start > 0 && end - start < 4 && (static_cast<uint8_t>(text[start]) & 0xc0) == 0x80) --start;
  return next(text.substr(0, end), start);
}

void append_utf8(char32_t c, std::string& out) {
  char bytes[4];
  int n = 0;
  U8_APPEND_UNSAFE(bytes, n, c);
  out.append(bytes, static_cast<size_t>(n));
}

size_t utf8_size(char32_t c) { return static_cast<size_t>(U8_LENGTH(c)); }

bool is_dropped(char32_t c) {
  if (c < 0x80) return (c < ' ' && c != '\t' && c != '\n' && c != '\r') || c == 0x7f;
  if (c == kReplacement) return true;
  const int type = category(c);
  return type == U_CONTROL_CHAR || type == U_FORMAT_CHAR || type == U_PRIVATE_USE_CHAR;
}

bool is_whitespace(char32_t c) {
  if (c < 0x80) return c == ' ' || (c >= '\t' && c <= '\r');
  return u_isUWhiteSpace(static_cast<UChar32>(c)) != 0;
}

bool is_punctuation(char32_t c) {
  if (c < 0x80) return (c > ' ' && c < '0') || (c > '9' && c < 'A') || (c > 'Z' && c < 'a') || (c > 'z' && c < 0x7f);
  return (U_MASK(category(c)) & U_GC_P_MASK) != 0;
}

bool is_chinese(char32_t c) {
  // 0x2b920, not 0x2b820, starts the block: the package has this value, and so every BERT tokenized with it.
  constexpr std::array<Range, 8> kBlocks{{{0x3400, 0x4dbf},
                                          {0x4e00, 0x9fff},
                                          {0xf900, 0xfaff},
                                          {0x20000, 0x2a6df},
                                          {0x2a700, 0x2b73f},
                                          {0x2b740, 0x2b81f},
                                          {0x2b920, 0x2ceaf},
                                          {0x2f800, 0x2fa1f}}};
  return c >= kBlocks[0].first && contains(kBlocks, c);
}

bool is_nonspacing(char32_t c) { return c >= kFirstMark && category(c) == U_NON_SPACING_MARK; }

void decompose(std::u32string& text) {
  const icu::Normalizer2& normalizer = nfd();
  std::u32string out;
  out.reserve(text.size() + text.size() / 4);
  icu::UnicodeString parts;
  for (const char32_t c : text) {
    if (c < 0xc0 || !normalizer.getDecomposition(static_cast<UChar32>(c), parts) || age(c) > kNormalization) {
      out.push_back(c);
      continue;
    }
    for (int32_t i = 0; i < parts.length(); i = parts.moveIndex32(i, 1))
      out.push_back(static_cast<char32_t>(parts.char32At(i)));
  }
  reorder(out);
  text.swap(out);
}

void append_lower(char32_t c, std::u32string& out) {
  if (c < 0x80) {
    out.push_back(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    return;
  }
  if (c == 0x130) {  // the only character whose lower case is two characters
    out += U"i\u0307";
    return;
  }
  const auto lower = static_cast<char32_t>(u_tolower(static_cast<UChar32>(c)));
  if (lower == c) {
    out.push_back(c < 0x1c89 ? c : new_lower(c));
  } else {
    out.push_back(age(c) <= kCase ? lower : c);
  }
}

}  // namespace filigree::data::unicode
