#pragma once
// The integer functions behind dropout.h, for the CPU kernels and as the reference of the ATen path.
#include <cstdint>

#include "core/random.h"

namespace filigree::nn::ops {

inline constexpr uint64_t kSiteStride = 0x9fb21c651e98df25ULL;
inline constexpr uint64_t kHeadStride = 0xd6e8feb86659fd93ULL;
inline constexpr uint32_t kChannelStride = 0x9e3779b9U;
inline constexpr uint32_t kMultiplier1 = 0x7feb352dU;  // odd multipliers of a well-mixing 32-bit hash (two rounds)
inline constexpr uint32_t kMultiplier2 = 0x846ca68bU;

constexpr uint64_t site_key(uint64_t token_key, uint64_t site) { return random::mix(token_key + site * kSiteStride); }

constexpr uint64_t head_key(uint64_t row_key, int64_t head) {
  return random::mix(row_key + (static_cast<uint64_t>(head) + 1) * kHeadStride);
}

/// Hashes a channel's index to its 32 bits. Uint is uint32_t or a vector of sixteen: the same code handles
/// one channel or sixteen, of one row (Key is uint32_t) or of sixteen rows.
template <class Uint, class Key>
[[gnu::always_inline]] constexpr void scramble(Uint& x, const Key& key_low, const Key& key_high) {
  x = x * kChannelStride + key_low;
  x ^= x >> 16;
  x *= kMultiplier1;
  x ^= x >> 15;
  x += key_high;
  x *= kMultiplier2;
  x ^= x >> 16;
}

}  // namespace filigree::nn::ops
