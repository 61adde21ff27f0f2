#pragma once
// Layer normalization, alone and as the end of a post-norm residual block. Statistics are always fp32. The
// type of gain and bias may differ from that of x (trainable fp32 values under bf16 compute).
#include <ATen/core/Tensor.h>

#include "core/nn/ops/dropout.h"

namespace filigree::nn::ops {

/// x: [T, C]; gain, bias: [C].
at::Tensor layer_norm(const at::Tensor& x, const at::Tensor& gain, const at::Tensor& bias, double eps);

/// layer_norm(residual + dropout(x)), fused on the CPU.
at::Tensor residual_layer_norm(const at::Tensor& x, const at::Tensor& residual, const at::Tensor& gain,
                               const at::Tensor& bias, double eps, const Dropout& dropout);

}  // namespace filigree::nn::ops
