#include "core/nn/recompute.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/custom_class.h>

#include <utility>

namespace filigree::nn {
namespace {

using Part = std::function<at::Tensor(const at::Tensor&)>;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// Keeps a part alive as long as the graph.
struct Holder : torch::CustomClassHolder {
  explicit Holder(Part of) : part(std::move(of)) {}
  Part part;
};

struct Recompute : torch::autograd::Function<Recompute> {
  /// `anchor` requires a gradient, so that the part is in the graph even if x requires none.
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const at::Tensor&, const Part& part) {
    ctx->save_for_backward({x});
    ctx->saved_data["part"] = c10::IValue::make_capsule(c10::make_intrusive<Holder>(part));
    return part(x);  // builds no graph here
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    const auto holder = ctx->saved_data["part"].toCapsule();
    const at::AutoGradMode graph(true);
    const at::Tensor x = ctx->get_saved_variables()[0].detach().requires_grad_(ctx->needs_input_grad(0));
    torch::autograd::backward({static_cast<Holder*>(holder.get())->part(x)}, {grads[0]});
    return {x.grad(), {}, {}};
  }
};

}  // namespace

at::Tensor recompute(const Part& part, const at::Tensor& x) {
  const at::Tensor anchor = at::zeros({}, x.options()).requires_grad_(true);
  return Recompute::apply(x, anchor, part);
}

}  // namespace filigree::nn
