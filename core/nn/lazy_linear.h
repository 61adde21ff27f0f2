#pragma once
// A linear that does not keep its weight: it requests the weight in the forward pass and again in the backward pass, so
// the weight takes no memory in between. The weight is gathered from other ranks, or made from parameters, or both. For a
// frozen weight, the result is bit-identical to at::linear.
#include <ATen/core/Tensor.h>

#include <functional>
#include <optional>

namespace filigree::nn {

/// Returns the weight, [out, in], for the forward or the backward pass. In the backward pass gradients are recorded.
using WeightSource = std::function<at::Tensor(bool backward)>;

/// x W^T + b. x: [T, in]; W is cast to x's type here; bias: [out], in x's type. trains: W is made from leaves that require
/// a gradient. Then the backward pass hands them that of W, g^T x, in the type in which `weight` returns W.
at::Tensor lazy_linear(const at::Tensor& x, const WeightSource& weight, const std::optional<at::Tensor>& bias,
                       bool trains = false);

}  // namespace filigree::nn
