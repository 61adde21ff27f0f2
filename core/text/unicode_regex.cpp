// The classes of a Unicode regular expression: \w of Rust's regex, \p{L} and \p{N} of Oniguruma; all Unicode 16.
#include "core/text/unicode.h"
#include "core/text/unicode_tables.h"

namespace filigree::data::unicode {
namespace {

constexpr int kRegex = 16;

// Word characters added in Unicode 15.1 and 16, for an ICU that does not have them yet;
// kNewLetters and kNewNumbers are those in L and N.
constexpr std::array<Range, 32> kNewWords{{
    {0x897, 0x897},     {0x1c89, 0x1c8a},   {0xa7cb, 0xa7cd},   {0xa7da, 0xa7dc},   {0x105c0, 0x105f3},
    {0x10d40, 0x10d65}, {0x10d69, 0x10d6d}, {0x10d6f, 0x10d85}, {0x10ec2, 0x10ec4}, {0x10efc, 0x10efc},
    {0x11380, 0x11389}, {0x1138b, 0x1138b}, {0x1138e, 0x1138e}, {0x11390, 0x113b5}, {0x113b7, 0x113c0},
    {0x113c2, 0x113c2}, {0x113c5, 0x113c5}, {0x113c7, 0x113ca}, {0x113cc, 0x113d3}, {0x113e1, 0x113e2},
    {0x116d0, 0x116e3}, {0x11bc0, 0x11be0}, {0x11bf0, 0x11bf9}, {0x11f5a, 0x11f5a}, {0x13460, 0x143fa},
    {0x16100, 0x16139}, {0x16d40, 0x16d6c}, {0x16d70, 0x16d79}, {0x18cff, 0x18cff}, {0x1ccf0, 0x1ccf9},
    {0x1e5d0, 0x1e5fa}, {0x2ebf0, 0x2ee5d},
}};

constexpr std::array<Range, 22> kNewLetters{
    {{0x1c89, 0x1c8a},   {0xa7cb, 0xa7cd},   {0xa7da, 0xa7dc},   {0x105c0, 0x105f3}, {0x10d4a, 0x10d65},
     {0x10d6f, 0x10d85}, {0x10ec2, 0x10ec4}, {0x11380, 0x11389}, {0x1138b, 0x1138b}, {0x1138e, 0x1138e},
     {0x11390, 0x113b5}, {0x113b7, 0x113b7}, {0x113d1, 0x113d1}, {0x113d3, 0x113d3}, {0x11bc0, 0x11be0},
     {0x13460, 0x143fa}, {0x16100, 0x1611d}, {0x16d40, 0x16d6c}, {0x18cff, 0x18cff}, {0x1e5d0, 0x1e5ed},
     {0x1e5f0, 0x1e5f0}, {0x2ebf0, 0x2ee5d}}};
constexpr std::array<Range, 7> kNewNumbers{{{0x10d40, 0x10d49},
                                            {0x116d0, 0x116e3},
                                            {0x11bf0, 0x11bf9},
                                            {0x16130, 0x16139},
                                            {0x16d70, 0x16d79},
                                            {0x1ccf0, 0x1ccf9},
                                            {0x1e5f1, 0x1e5fa}}};

/// Whether the character is in one of the categories `mask`; `newer` lists characters that this ICU may not have.
template <size_t kSize>
bool in_category(char32_t c, uint32_t mask, const std::array<Range, kSize>& newer) {
  const uint32_t found = U_GET_GC_MASK(static_cast<UChar32>(c));
  if ((found & U_GC_CN_MASK) != 0) return contains(newer, c);
  return (found & mask) != 0 && age(c) <= kRegex;
}

}  // namespace

bool is_word(char32_t c) {
  const auto u = static_cast<UChar32>(c);
  const int known = age(c);
  if (known == 0) return contains(kNewWords, c);
  if (known > kRegex) return false;
  constexpr uint32_t kMask = U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK;
  return (U_GET_GC_MASK(u) & kMask) != 0 || u_hasBinaryProperty(u, UCHAR_ALPHABETIC) != 0 ||
         u_hasBinaryProperty(u, UCHAR_JOIN_CONTROL) != 0;
}

bool is_letter(char32_t c) { return in_category(c, U_GC_L_MASK, kNewLetters); }

bool is_number(char32_t c) { return in_category(c, U_GC_N_MASK, kNewNumbers); }

}  // namespace filigree::data::unicode
