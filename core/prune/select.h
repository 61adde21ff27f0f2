#pragma once
// The k smallest of many keys, exactly, without sorting or gathering them: the k-th smallest key is found digit by
// digit from counts (radix selection), so tensors that lie on several ranks only need their counts summed.
//
//   keys: int32 >= 0. For floats >= 0 the bit pattern is monotone: key_of() makes it.
//   reduce(counts): sums int64 counts over whoever else holds keys; the default is "nobody".
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <vector>

namespace filigree::prune {

/// int32 keys of fp32 values >= 0, in the same order; never 0, which is left for "smaller than all". NaN is refused.
at::Tensor key_of(const at::Tensor& values);

using ReduceCounts = std::function<void(at::Tensor)>;

struct Selection {
  int32_t threshold = 0;  ///< the k-th smallest key
  int64_t below = 0;      ///< keys < threshold, over all holders
  int64_t equal = 0;      ///< keys == threshold, over all holders; k - below of them are among the k smallest
};

/// 1 <= k <= number of keys over all holders.
Selection kth_smallest(const std::vector<at::Tensor>& keys, int64_t k, const ReduceCounts& reduce = {});

/// The k-th smallest of numbers that are all different, 0 <= number < bound, found by halving the range into counted
/// parts. numbers: int64; 1 <= k <= how many there are over all holders.
int64_t kth_number(const std::vector<at::Tensor>& numbers, int64_t k, int64_t bound, const ReduceCounts& reduce = {});

}  // namespace filigree::prune
