#include "core/tokenizer/bpe_merges.h"

#include <algorithm>
#include <array>
#include <bit>
#include <queue>
#include <tuple>

namespace filigree::data {
namespace {

constexpr size_t kShort = 48;  ///< tokens; up to this length a scan for the lowest rank is faster than a queue

/// A mergeable pair: its rank, the position of its left token and the merged token.
struct Candidate {
  uint32_t rank;
  uint32_t position;
  int32_t result;
  bool operator>(const Candidate& other) const {
    return std::tie(rank, position) > std::tie(other.rank, other.position);
  }
};

/// The tokens as a doubly linked list; -1: no neighbor. A token merged into its left neighbor has id -1.
struct Links {
  std::vector<int64_t> previous, next;
  explicit Links(size_t size) : previous(size), next(size) {
    for (size_t i = 0; i < size; ++i) {
      previous[i] = static_cast<int64_t>(i) - 1;
      next[i] = i + 1 < size ? static_cast<int64_t>(i) + 1 : -1;
    }
  }
  void remove_after(size_t position) {
    next[position] = next[static_cast<size_t>(next[position])];
    if (next[position] >= 0) previous[static_cast<size_t>(next[position])] = static_cast<int64_t>(position);
  }
};

}  // namespace

MergeTable::MergeTable(const std::vector<Merge>& merges) {
  const size_t size = std::bit_ceil(std::max<size_t>(64, merges.size() * 2));
  entries_.resize(size);
  shift_ = 64 - std::countr_zero(size);
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    const uint64_t pair = key(merges[rank].left, merges[rank].right);
    entries_[slot(pair)] = {pair, static_cast<uint32_t>(rank), merges[rank].result};
  }
}

size_t MergeTable::slot(uint64_t pair) const {
  size_t i = static_cast<size_t>(((pair ^ pair >> 29) * 0x9e3779b97f4a7c15ULL) >> shift_);
  while (entries_[i].pair != pair && entries_[i].pair != kFree) i = (i + 1) & (entries_.size() - 1);
  return i;
}

void MergeTable::apply_short(int32_t* tokens, size_t& size) const {
  std::array<const Entry*, kShort> merge;  // of token i with token i + 1
  for (size_t i = 0; i + 1 < size; ++i) merge[i] = &find(tokens[i], tokens[i + 1]);
  while (size > 1) {
    size_t best = 0;
    for (size_t i = 1; i + 1 < size; ++i)
      if (merge[i]->rank < merge[best]->rank) best = i;
    if (merge[best]->rank == kNone) return;
    tokens[best] = merge[best]->result;
    std::copy(tokens + best + 2, tokens + size, tokens + best + 1);
    std::copy(merge.begin() + best + 1, merge.begin() + size - 1, merge.begin() + best);
    --size;
    if (best > 0) merge[best - 1] = &find(tokens[best - 1], tokens[best]);
    if (best + 1 < size) merge[best] = &find(tokens[best], tokens[best + 1]);
  }
}

void MergeTable::apply_long(int32_t* tokens, size_t& size) const {
  Links links(size);
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue;
  auto offer = [&](int64_t position) {
    if (position < 0 || links.next[static_cast<size_t>(position)] < 0) return;
    const auto at = static_cast<size_t>(position);
    const Entry& merge = find(tokens[at], tokens[static_cast<size_t>(links.next[at])]);
    if (merge.rank != kNone) queue.push({merge.rank, static_cast<uint32_t>(at), merge.result});
  };
  for (size_t i = 0; i < size; ++i) offer(static_cast<int64_t>(i));
  for (; !queue.empty();) {
    const Candidate top = queue.top();
    queue.pop();
    const size_t at = top.position;
    if (tokens[at] < 0 || links.next[at] < 0) continue;
    const auto right = static_cast<size_t>(links.next[at]);
    const Entry& merge = find(tokens[at], tokens[right]);
    if (merge.rank == kNone || merge.result != top.result) continue;  // a neighbor has changed since
    tokens[at] = top.result;
    tokens[right] = -1;
    links.remove_after(at);
    offer(links.previous[at]);
    offer(top.position);
  }
  size = static_cast<size_t>(std::remove(tokens, tokens + size, -1) - tokens);
}

void MergeTable::apply(std::vector<int32_t>& tokens, size_t start) const {
  size_t size = tokens.size() - start;
  if (size <= kShort) {
    apply_short(tokens.data() + start, size);
  } else {
    apply_long(tokens.data() + start, size);
  }
  tokens.resize(start + size);
}

}  // namespace filigree::data
