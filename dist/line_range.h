#pragma once
// A half-open range of lines (rows or columns) of a whole tensor, as a rank holds it.
#include <cstdint>

namespace filigree::dist {

struct LineRange {
  int64_t begin = 0;
  int64_t end = 0;
  int64_t size() const { return end - begin; }
  bool operator==(const LineRange&) const = default;
};

/// Part `index` of `count` of n lines, the parts lying one after another and differing by at most one in size.
inline LineRange even_part(int64_t n, int64_t index, int64_t count) {
  return {n * index / count, n * (index + 1) / count};
}

}  // namespace filigree::dist
