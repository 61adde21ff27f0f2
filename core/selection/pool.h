#pragma once
// Masks that remove the entries with the lowest scores, exactly and the same on any mesh. Entries are compared within a
// pool of one or several matrices. Of equal scores, the entry with the higher logical index is removed first (order of
// the matrices in the pool, then row-major).
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "core/nn/parameter.h"
#include "core/selection/kth_smallest.h"
#include "dist/communicator.h"

namespace filigree::selection {

/// The scores of one matrix: keys of this rank's part of it (kth_smallest.h), shaped like the part.
struct Matrix {
  const nn::Parameter* placed;  ///< a parameter of its shape and placement
  at::Tensor keys;
};

struct Pool {
  std::vector<Matrix> matrices;
  int64_t removed = 0;  ///< entries to remove, over all ranks of `tp`

  int64_t entries() const;  ///< of the full matrices
};

/// uint8 masks of the local parts, 0 for the entries that are removed: those of the pools' matrices in order. `tp`: the
/// ranks that hold the other parts. Three all-reduces of counts whatever the number of pools; two or three more where
/// entries at a threshold tie. Collective.
std::vector<at::Tensor> masks_without_lowest(const std::vector<Pool>& pools, dist::Communicator& tp);

}  // namespace filigree::selection
