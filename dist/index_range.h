#pragma once
// A half-open range of rows or columns of a full tensor: the part that one rank holds.
#include <algorithm>
#include <cstdint>

namespace filigree::dist {

struct IndexRange {
  int64_t begin = 0;
  int64_t end = 0;
  int64_t size() const { return end - begin; }
  bool operator==(const IndexRange&) const = default;
};

/// Part `index` of n rows or columns, split into `count` consecutive parts whose sizes differ by at most one.
inline IndexRange even_part(int64_t n, int64_t index, int64_t count) {
  return {n * index / count, n * (index + 1) / count};
}

/// What is in both; empty (begin == end) if nothing is.
inline IndexRange overlap(const IndexRange& a, const IndexRange& b) {
  const int64_t begin = std::max(a.begin, b.begin);
  return {begin, std::max(begin, std::min(a.end, b.end))};
}

}  // namespace filigree::dist
