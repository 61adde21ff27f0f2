#pragma once
// The merges of byte-pair encoding (Sennrich, Haddow, Birch, 2016): repeatedly merges the pair of neighboring
// tokens with the lowest rank, the leftmost on a tie, until no pair has a merge.
#include <cstddef>
#include <cstdint>
#include <vector>

namespace filigree::data {

/// Two neighbors and the merged token; the rank is the position in the list.
struct Merge {
  int32_t left = 0, right = 0, result = 0;
};

class MergeTable {
 public:
  /// If a pair occurs twice, the later merge wins.
  explicit MergeTable(const std::vector<Merge>& merges);

  /// Merges the tokens from `start` on in place; the vector shrinks. Long words cost O(n log n).
  void apply(std::vector<int32_t>& tokens, size_t start) const;

 private:
  static constexpr uint32_t kNone = 0xffffffffu;
  struct Entry {
    uint64_t pair = kFree;
    uint32_t rank = kNone;
    int32_t result = 0;
  };
  static constexpr uint64_t kFree = ~uint64_t{0};  ///< not a pair, because ids are not negative

  static uint64_t key(int32_t left, int32_t right) {
    return uint64_t{static_cast<uint32_t>(left)} << 32 | static_cast<uint32_t>(right);
  }
  const Entry& find(int32_t left, int32_t right) const { return entries_[slot(key(left, right))]; }
  size_t slot(uint64_t pair) const;
  void apply_short(int32_t* tokens, size_t& size) const;
  void apply_long(int32_t* tokens, size_t& size) const;

  std::vector<Entry> entries_;  ///< open addressing
  int shift_ = 0;
};

}  // namespace filigree::data
