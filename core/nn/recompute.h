#pragma once
// Activation recomputation (Chen et al., "Training deep nets with sublinear memory cost", 2016): a part of a
// model saves only its input, and the backward pass runs the part again before it differentiates it. Dropout
// masks are functions of the step and the token, so both runs are bit-identical.
#include <ATen/core/Tensor.h>

#include <functional>

namespace filigree::nn {

/// Returns part(x). `part` may also use parameters of the model. The backward pass calls it again, so what it
/// refers to must live until then. Gradients of the parameters are accumulated as in any backward pass.
at::Tensor recompute(const std::function<at::Tensor(const at::Tensor&)>& part, const at::Tensor& x);

}  // namespace filigree::nn
