#include "core/nn/ops/norm.h"

#include <ATen/ops/add.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/sum.h>

#include "core/nn/ops/kernels.h"
#include "core/nn/ops/saved_dropout.h"

namespace filigree::nn::ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct FusedResidualNorm : torch::autograd::Function<FusedResidualNorm> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const at::Tensor& residual,
                            const at::Tensor& gain, const at::Tensor& bias, double eps, const Dropout& dropout) {
    NormResult result = residual_norm_kernel(x, residual, gain, bias, eps, dropout);
    ctx->save_for_backward({result.normalised, result.rstd, gain});
    save(ctx, dropout);
    return result.y;
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor &normalised = saved[0], &gain = saved[2];
    const NormGradients gradients =
        residual_norm_backward_kernel(grads[0], normalised, saved[1], gain, saved_dropout(ctx));
    at::Tensor gain_grad, bias_grad;
    if (ctx->needs_input_grad(2)) {
      const at::Tensor grad = grads[0].to(at::kFloat);
      gain_grad = at::sum(at::mul(grad, normalised.to(at::kFloat)), 0);
    }
    if (ctx->needs_input_grad(3)) bias_grad = at::sum(grads[0].to(at::kFloat), 0);
    return {gradients.x, gradients.residual, gain_grad, bias_grad, {}, {}};
  }
};

}  // namespace

at::Tensor layer_norm(const at::Tensor& x, const at::Tensor& gain, const at::Tensor& bias, double eps) {
  return at::layer_norm(x, {x.size(-1)}, gain.to(x.scalar_type()), bias.to(x.scalar_type()), eps);
}

at::Tensor residual_layer_norm(const at::Tensor& x, const at::Tensor& residual, const at::Tensor& gain,
                               const at::Tensor& bias, double eps, const Dropout& site) {
  if (has_kernel(x)) {
    return FusedResidualNorm::apply(x, residual, gain.to(at::kFloat).contiguous(), bias.to(at::kFloat).contiguous(),
                                    eps, site);
  }
  return layer_norm(at::add(dropout(x, site), residual), gain, bias, eps);
}

}  // namespace filigree::nn::ops
