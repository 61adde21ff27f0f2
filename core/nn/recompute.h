#pragma once
// A part of a model whose activations are not kept: only its input is, and the backward pass computes the part again
// before it goes through it (Chen et al., "Training deep nets with sublinear memory cost", 2016). Dropout masks are
// functions of the step and the token, so the second time gives what the first gave, to the bit.
#include <ATen/core/Tensor.h>

#include <functional>

namespace filigree::nn {

/// part(x), where part uses parameters of the model besides x; it is called again in the backward pass, so what it
/// refers to must live until then. Gradients of the parameters are accumulated as by any backward pass.
at::Tensor recompute(const std::function<at::Tensor(const at::Tensor&)>& part, const at::Tensor& x);

}  // namespace filigree::nn
