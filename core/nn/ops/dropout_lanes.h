#pragma once
// Dropout mask for sixteen adjacent channels, inside CPU kernels.
#include "core/nn/ops/dropout_bits.h"
#include "core/nn/ops/simd.h"

namespace filigree::nn::ops::simd {

/// The part of a Dropout that kernels use; keys is null if dropout is off.
struct Mask {
  const int64_t* keys = nullptr;
  uint64_t site = 0;
  uint32_t threshold = 0;
  float scale = 1;

  FILIGREE_INLINE uint64_t row_key(int64_t token) const { return site_key(static_cast<uint64_t>(keys[token]), site); }
};

FILIGREE_INLINE Lanes keep(Lanes x, const Mask& mask, Words bits) {
  return select(reinterpret_cast<Ints>(bits >= mask.threshold), x * mask.scale, Lanes{});
}

/// x * scale where kept, 0 elsewhere, for the channels from .. from+15 of a row.
FILIGREE_INLINE Lanes drop(Lanes x, const Mask& mask, uint64_t row_key, int64_t from) {
  Words bits = lane_numbers() + static_cast<uint32_t>(from);
  scramble(bits, static_cast<uint32_t>(row_key), static_cast<uint32_t>(row_key >> 32));
  return keep(x, mask, bits);
}

/// The same for one channel of sixteen rows, with each row key split into low and high halves.
FILIGREE_INLINE Lanes drop(Lanes x, const Mask& mask, Words keys_low, Words keys_high, int64_t channel) {
  Words bits = Words{} + static_cast<uint32_t>(channel);
  scramble(bits, keys_low, keys_high);
  return keep(x, mask, bits);
}

}  // namespace filigree::nn::ops::simd
