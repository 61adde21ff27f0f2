#pragma once
// A linear whose frozen weight is not kept: it is asked for in the forward pass and again in the backward pass, so that
// between the two it needs no memory. Computes what at::linear does, bit for bit.
#include <ATen/core/Tensor.h>

#include <functional>
#include <optional>

namespace filigree::nn {

/// x: [T, in]; weight(backward): [out, in], cast to x's type here; bias: [out], in x's type.
at::Tensor gathered_linear(const at::Tensor& x, const std::function<at::Tensor(bool backward)>& weight,
                           const std::optional<at::Tensor>& bias);

}  // namespace filigree::nn
