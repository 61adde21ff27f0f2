#pragma once
// Self-attention over a packed batch: every token sees the tokens of its own sample (if causal, only up to itself).
//   q, k, v, result: [T, H*d]   T tokens in total, H heads of size d, sample b = rows [offsets[b], offsets[b+1])
//   P = softmax(q k^T / sqrt(d)) in fp32, dropped out, result = P v
// On the CPU a fused kernel processes the packed rows sample by sample. On other devices, samples of similar
// length are padded to one tensor inside this function; callers do not see the padding.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "core/nn/ops/dropout.h"

namespace filigree::nn::ops {

struct AttentionLayout {
  std::vector<int64_t> offsets;
  /// Original indices of the H heads. They are coordinates of the dropout masks, so pruning a head does not
  /// change the masks of the others.
  std::vector<int64_t> heads;
  bool causal = false;
};

at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const AttentionLayout& layout,
                     const Dropout& dropout);

/// For devices without the fused kernel; also the kernel's reference in tests.
at::Tensor padded_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const AttentionLayout& layout, const Dropout& dropout);

}  // namespace filigree::nn::ops
