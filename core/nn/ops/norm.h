#pragma once
// Layer normalisation, alone and as the end of a post-norm residual block. Statistics are fp32 whatever x's type is;
// gain and bias may be of another type than x (trainable fp32 ones under bf16 compute).
#include <ATen/core/Tensor.h>

#include "core/nn/ops/dropout.h"

namespace filigree::nn::ops {

/// x: [T, C]; gain, bias: [C].
at::Tensor layer_norm(const at::Tensor& x, const at::Tensor& gain, const at::Tensor& bias, double eps);

/// layer_norm(residual + dropout(x)), fused on the CPU.
at::Tensor residual_layer_norm(const at::Tensor& x, const at::Tensor& residual, const at::Tensor& gain,
                               const at::Tensor& bias, double eps, const Dropout& dropout);

}  // namespace filigree::nn::ops
