#pragma once
// Exact selection of the k smallest of many keys, without sorting or gathering: the k-th smallest key is found digit by
// digit from counts (radix selection), so tensors on several ranks only need their counts summed.
//
//   keys: int32 >= 0. For floats >= 0 the bit pattern is monotone; key_of() returns it.
//   reduce(counts): sums int64 counts over all other holders of keys; default: there are none.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <vector>

namespace filigree::prune {

/// int32 keys of fp32 values >= 0, in the same order. 0 is reserved for "below all". Throws InternalError for NaN.
at::Tensor key_of(const at::Tensor& values);

using ReduceCounts = std::function<void(at::Tensor)>;

struct Selection {
  int32_t threshold = 0;  ///< the k-th smallest key
  int64_t below = 0;      ///< keys < threshold, over all holders
  int64_t equal = 0;      ///< keys == threshold, over all holders; k - below of them are among the k smallest
};

/// 1 <= k <= number of keys over all holders.
Selection kth_smallest(const std::vector<at::Tensor>& keys, int64_t k, const ReduceCounts& reduce = {});

/// The k-th smallest of distinct numbers, 0 <= number < bound, found by repeatedly splitting the range into
/// parts and counting. numbers: int64; 1 <= k <= count of numbers over all holders.
int64_t kth_number(const std::vector<at::Tensor>& numbers, int64_t k, int64_t bound, const ReduceCounts& reduce = {});

}  // namespace filigree::prune
