#pragma once
// Counter-based dropout: whether an element is kept is a pure function of (seed, step, global sample, position, site,
// channel). So the masks are the same for any split of a batch over ranks and any packing order, and the
// backward pass recomputes them instead of storing them.
//
//   token key   64 bits  from (seed, step, sample, position), once per forward pass (token_keys)
//   row key     64 bits  mix(token key + site), for attention also mixed with the head's original index
//   element     32 bits  a cheap integer hash of (row key, channel); kept if >= p * 2^32, then scaled by 1/(1-p)
//
// The CPU kernel and the ATen path (CUDA) give the same bits.
#include <ATen/core/Tensor.h>

#include <cstdint>

#include "core/data/batch.h"

namespace filigree::nn::ops {

/// One dropout site of a model in one forward pass. Off unless it has keys and p > 0.
struct Dropout {
  at::Tensor keys;    ///< int64 [T] token keys, see token_keys
  uint64_t site = 0;  ///< index of the site within the model
  double p = 0;

  bool active() const { return p > 0 && keys.defined(); }
  double scale() const { return 1.0 / (1.0 - p); }
  uint32_t threshold() const { return static_cast<uint32_t>(p * 4294967296.0); }
  Dropout rows(const at::Tensor& index) const;  ///< the same site for only the tokens `index` (int64)
};

/// int64 [T]: computed on the CPU, copied to the batch's device.
at::Tensor token_keys(const data::Batch& batch, uint64_t seed, int64_t step);

/// x: [T, C], fp32 or bf16; row t uses token t's key.
at::Tensor dropout(const at::Tensor& x, const Dropout& site);
/// For devices without the fused kernel; also the kernel's reference in tests.
at::Tensor dropout_by_aten(const at::Tensor& x, const Dropout& site);

/// int64, the shape of `token_keys`: the row keys of a site. ATen path.
at::Tensor row_keys(const at::Tensor& token_keys, uint64_t site);
/// int64 [..., heads]: row keys mixed with each head's original index (int64 [heads]). ATen path.
at::Tensor head_keys(const at::Tensor& row_keys, const at::Tensor& heads);
/// bool [..., n]: which of the channels 0..n-1 of each row are kept. ATen path.
at::Tensor keep_mask(const at::Tensor& row_keys, int64_t n, uint32_t threshold);

}  // namespace filigree::nn::ops
