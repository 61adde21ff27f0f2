#include "core/nn/gathered_linear.h"

#include <ATen/ops/linear.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/sum.h>
#include <torch/csrc/autograd/custom_function.h>

namespace filigree::nn {
namespace {

using Weight = std::function<at::Tensor(bool backward)>;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct GatheredLinear : torch::autograd::Function<GatheredLinear> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const std::optional<at::Tensor>& bias,
                            const Weight* weight) {
    ctx->saved_data["weight"] = reinterpret_cast<int64_t>(weight);
    ctx->saved_data["bias"] = bias.has_value();
    return at::linear(x, (*weight)(false).to(x.scalar_type()), bias);
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    // The parameter that owns the function outlives the pass. saved_data has integers, but no pointers.
    const int64_t address = ctx->saved_data["weight"].toInt();
    const auto* weight = reinterpret_cast<const Weight*>(address);  // NOLINT(performance-no-int-to-ptr)
    const bool has_bias = ctx->saved_data["bias"].toBool();
    at::Tensor x_grad, bias_grad;
    if (ctx->needs_input_grad(0)) x_grad = at::mm(grads[0], (*weight)(true).to(grads[0].scalar_type()));
    if (has_bias && ctx->needs_input_grad(1)) bias_grad = at::sum(grads[0], 0);
    return {x_grad, bias_grad, {}};
  }
};

}  // namespace

at::Tensor gathered_linear(const at::Tensor& x, const Weight& weight, const std::optional<at::Tensor>& bias) {
  return GatheredLinear::apply(x, bias, &weight);
}

}  // namespace filigree::nn
