#include "core/nn/lazy_linear.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/custom_class.h>

#include <utility>

namespace filigree::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// Keeps the source alive as long as the graph.
struct Holder : torch::CustomClassHolder {
  explicit Holder(WeightSource from) : source(std::move(from)) {}
  WeightSource source;
};

// Indices of the inputs among the node's variables. The optional bias comes last, because an absent one takes no index.
enum Input : size_t { kX, kAnchor, kBias };

struct LazyLinear : torch::autograd::Function<LazyLinear> {
  /// `anchor` requires a gradient if the weight trains, so that the node is in the graph even if x requires none.
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const at::Tensor& anchor,
                            const std::optional<at::Tensor>& bias, const WeightSource& weight) {
    ctx->saved_data["weight"] = c10::IValue::make_capsule(c10::make_intrusive<Holder>(weight));
    ctx->saved_data["bias"] = bias.has_value();
    if (anchor.requires_grad()) ctx->save_for_backward({x});
    return at::linear(x, weight(false).to(x.scalar_type()), bias);
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& gradients) {
    const auto holder = ctx->saved_data["weight"].toCapsule();
    const WeightSource& source = static_cast<Holder*>(holder.get())->source;
    const at::Tensor& g = gradients[0];
    const bool trains = ctx->needs_input_grad(kAnchor);
    at::Tensor weight, x_grad, bias_grad;
    if (trains || ctx->needs_input_grad(kX)) {
      const at::AutoGradMode graph(trains);
      weight = source(true);
    }
    if (ctx->needs_input_grad(kX)) x_grad = at::mm(g, weight.detach().to(g.scalar_type()));
    if (trains && weight.requires_grad()) {
      const at::Tensor x = ctx->get_saved_variables()[0];
      torch::autograd::backward({weight}, {at::mm(g.t(), x).to(weight.scalar_type())});
    }
    if (ctx->saved_data["bias"].toBool() && ctx->needs_input_grad(kBias)) bias_grad = at::sum(g, 0);
    return {x_grad, {}, bias_grad, {}};
  }
};

}  // namespace

at::Tensor lazy_linear(const at::Tensor& x, const WeightSource& weight, const std::optional<at::Tensor>& bias,
                       bool trains) {
  return LazyLinear::apply(x, at::zeros({}, x.options()).requires_grad_(trains), bias, weight);
}

}  // namespace filigree::nn
