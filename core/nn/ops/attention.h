#pragma once
// Self-attention over a packed batch: every token sees the tokens of its own sample, causally those up to itself.
//   q, k, v, result: [T, H*d]   T tokens in all, H heads of size d, sample b = rows offsets[b] .. offsets[b+1]
//   P = softmax(q k^T / sqrt(d)) in fp32, dropped out, result = P v
// On the CPU a fused kernel works sample by sample on the packed rows. Elsewhere samples of similar length are padded
// to one tensor inside this function, which no caller sees.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "core/nn/ops/dropout.h"

namespace filigree::nn::ops {

struct AttentionLayout {
  std::vector<int64_t> offsets;
  /// Original numbers of the H heads, which are coordinates of the dropout masks: pruning a head leaves the masks of
  /// the others as they are.
  std::vector<int64_t> heads;
  bool causal = false;
};

at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const AttentionLayout& layout,
                     const Dropout& dropout);

/// The path of devices without the fused kernel, and the kernel's reference in tests.
at::Tensor padded_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const AttentionLayout& layout, const Dropout& dropout);

}  // namespace filigree::nn::ops
