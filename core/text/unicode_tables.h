#pragma once
// Ranges of code points and the age of a code point, for the files that contain tables.
#include <unicode/uchar.h>

#include <algorithm>
#include <array>
#include <iterator>

namespace filigree::data::unicode {

struct Range {
  char32_t first, last;
};

/// `ranges` are sorted and do not overlap.
template <size_t kSize>
bool contains(const std::array<Range, kSize>& ranges, char32_t c) {
  const auto it =
      std::upper_bound(ranges.begin(), ranges.end(), c, [](char32_t x, const Range& r) { return x < r.first; });
  return it != ranges.begin() && c <= std::prev(it)->last;
}

/// Major version of Unicode that introduced the character; 0 if this ICU does not have it.
inline int age(char32_t c) {
  UVersionInfo version;
  u_charAge(static_cast<UChar32>(c), version);
  return version[0];
}

}  // namespace filigree::data::unicode
