#pragma once
// Exact selection of the k smallest of many keys, without sorting or gathering: the k-th smallest key is found digit by
// digit from counts (radix selection), so tensors on several ranks only need their counts summed. Several pools are
// searched together: their counts travel in one message, so the number of messages does not grow with the pools.
//
//   keys: int32. key_of() returns those of fp32 values, in the same order.
//   reduce(counts): sums int64 counts over all other holders of keys; default: there are none.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <limits>
#include <vector>

namespace filigree::selection {

/// Less than the key of any value.
inline constexpr int32_t kBelowAll = std::numeric_limits<int32_t>::min();

/// int32 keys of fp32 values, in the same order; -0 has the key of 0. Throws InternalError for NaN.
at::Tensor key_of(const at::Tensor& values);

/// The tensors of one pool on this rank.
using Tensors = std::vector<at::Tensor>;
using ReduceCounts = std::function<void(at::Tensor)>;

struct Selection {
  int32_t threshold = kBelowAll;  ///< the k-th smallest key
  int64_t below = 0;              ///< keys < threshold, over all holders
  int64_t equal = 0;              ///< keys == threshold, over all holders; k - below of them are among the k smallest
};

/// Of each pool of keys: 0 <= k[i] <= number of keys over all holders. k = 0 selects nothing. Three reductions.
std::vector<Selection> kth_smallest(const std::vector<Tensors>& pools, const std::vector<int64_t>& k,
                                    const ReduceCounts& reduce = {});
/// Of one pool: 1 <= k.
Selection kth_smallest(const Tensors& keys, int64_t k, const ReduceCounts& reduce = {});

/// The k[i]-th smallest of each pool of distinct numbers, 0 <= number < bound[i], found by repeatedly splitting the range
/// into parts and counting; -1 where k[i] is 0. numbers: int64; k[i] <= count of numbers over all holders.
std::vector<int64_t> kth_number(const std::vector<Tensors>& pools, std::vector<int64_t> k,
                                const std::vector<int64_t>& bound, const ReduceCounts& reduce = {});

}  // namespace filigree::selection
