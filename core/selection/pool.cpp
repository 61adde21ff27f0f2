#include "core/selection/pool.h"

#include <cstddef>

#include "core/selection/entry_numbers.h"

namespace filigree::selection {
namespace {

/// Calls body(pool, matrix, index of its first entry in the pool).
template <class Body>
void for_each_matrix(const std::vector<Pool>& pools, const Body& body) {
  for (size_t p = 0; p < pools.size(); ++p) {
    int64_t first = 0;
    for (const Matrix& matrix : pools[p].matrices) {
      body(p, matrix, first);
      first += matrix.placed->logical_numel();
    }
  }
}

/// Only rank 0 counts what all ranks hold.
bool counts_here(const Matrix& matrix, const dist::Communicator& tp) {
  return tp.rank() == 0 || !matrix.placed->placement.replicated();
}

/// Places, in each local matrix, of the entries at its pool's threshold, and their numbers in the pool.
struct Ties {
  std::vector<at::Tensor> places, numbers;
};

}  // namespace

int64_t Pool::entries() const {
  int64_t sum = 0;
  for (const Matrix& matrix : matrices) sum += matrix.placed->logical_numel();
  return sum;
}

std::vector<at::Tensor> masks_without_lowest(const std::vector<Pool>& pools, dist::Communicator& tp) {
  const auto reduce = [&tp](const at::Tensor& counts) { tp.all_reduce(counts); };
  std::vector<Tensors> keys(pools.size()), tied(pools.size());
  std::vector<int64_t> removed, staying, bounds;
  for (const Pool& pool : pools) removed.push_back(pool.removed);
  for_each_matrix(pools, [&](size_t p, const Matrix& matrix, int64_t) {
    if (counts_here(matrix, tp)) keys[p].push_back(matrix.keys);
  });
  const std::vector<Selection> selections = kth_smallest(keys, removed, reduce);
  // Of the entries at the threshold, the first ones in the pool's logical order stay.
  for (size_t p = 0; p < pools.size(); ++p) {
    staying.push_back(selections[p].equal - (removed[p] - selections[p].below));
    bounds.push_back(pools[p].entries());
  }
  Ties ties;
  for_each_matrix(pools, [&](size_t p, const Matrix& matrix, int64_t first) {
    ties.places.push_back(matrix.keys.flatten().eq(selections[p].threshold).nonzero().view({-1}));
    ties.numbers.push_back(EntryNumbers(*matrix.placed).of(ties.places.back()).add(first));
    if (counts_here(matrix, tp)) tied[p].push_back(ties.numbers.back());
  });
  const std::vector<int64_t> last = kth_number(tied, staying, bounds, reduce);
  std::vector<at::Tensor> masks;
  for_each_matrix(pools, [&](size_t p, const Matrix& matrix, int64_t) {
    const size_t i = masks.size();
    at::Tensor mask = matrix.keys.gt(selections[p].threshold).to(at::kByte);
    const at::Tensor stay = ties.places[i].masked_select(ties.numbers[i].le(last[p]));
    mask.view({-1}).index_fill_(0, stay, 1);
    masks.push_back(mask);
  });
  return masks;
}

}  // namespace filigree::selection
