#pragma once
// A half-open range of rows or columns of a full tensor: the part that one rank holds.
#include <cstdint>

namespace filigree::dist {

struct LineRange {
  int64_t begin = 0;
  int64_t end = 0;
  int64_t size() const { return end - begin; }
  bool operator==(const LineRange&) const = default;
};

/// Part `index` of n rows or columns, split into `count` consecutive parts whose sizes differ by at most one.
inline LineRange even_part(int64_t n, int64_t index, int64_t count) {
  return {n * index / count, n * (index + 1) / count};
}

}  // namespace filigree::dist
