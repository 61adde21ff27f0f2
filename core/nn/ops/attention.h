#pragma once
// Self-attention over a packed batch: every token sees the tokens of its own sample, none else.
//   q, k, v, result: [T, H*d]   T tokens in all, H heads of size d, sample b = rows offsets[b] .. offsets[b+1]
//   P = softmax(q k^T / sqrt(d)) in fp32, dropped out, result = P v
// On the CPU a fused kernel works sample by sample on the packed rows. Elsewhere samples of similar length are padded
// to one tensor inside this function, which no caller sees.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "core/nn/ops/dropout.h"

namespace filigree::nn::ops {

/// `heads`: the original numbers of the H heads, which are coordinates of the dropout masks: pruning a head leaves the
/// masks of the others as they are.
at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const std::vector<int64_t>& offsets,
                     const std::vector<int64_t>& heads, const Dropout& dropout);

/// The path of devices without the fused kernel, and the kernel's reference in tests.
at::Tensor padded_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const std::vector<int64_t>& offsets, const std::vector<int64_t>& heads,
                            const Dropout& dropout);

}  // namespace filigree::nn::ops
