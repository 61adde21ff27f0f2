#pragma once
// A linear that does not keep its frozen weight: it requests the weight in the forward pass and again in the
// backward pass, so the weight takes no memory in between. The result is bit-identical to at::linear.
#include <ATen/core/Tensor.h>

#include <functional>
#include <optional>

namespace filigree::nn {

/// x: [T, in]; weight(backward): [out, in], cast to x's type here; bias: [out], in x's type.
at::Tensor gathered_linear(const at::Tensor& x, const std::function<at::Tensor(bool backward)>& weight,
                           const std::optional<at::Tensor>& bias);

}  // namespace filigree::nn
