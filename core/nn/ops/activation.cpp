#include "core/nn/ops/activation.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/tanh.h>
#include <torch/csrc/autograd/custom_function.h>

#include <map>

#include "core/error.h"
#include "core/nn/ops/kernels.h"

namespace filigree::nn::ops {
namespace {

const std::map<std::string, Activation>& table() {
  static const std::map<std::string, Activation> names{
      {"gelu", Activation::gelu}, {"gelu_new", Activation::gelu_tanh}, {"gelu_pytorch_tanh", Activation::gelu_tanh},
      {"relu", Activation::relu}, {"silu", Activation::silu},          {"swish", Activation::silu},
      {"tanh", Activation::tanh}};
  return names;
}

/// The forward pass has e^(-x^2/2) anyway, so it also computes the slope; the backward pass is one product.
struct FusedGelu : torch::autograd::Function<FusedGelu> {
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& input) {
    const at::Tensor x = input.contiguous();
    at::Tensor y = at::empty_like(x), slope = at::empty_like(x);
    gelu_kernel(x, y, &slope);
    ctx->save_for_backward({slope});
    return y;
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 const torch::autograd::variable_list& grads) {
    return {at::mul(grads[0], ctx->get_saved_variables()[0])};
  }
};

at::Tensor exact_gelu(const at::Tensor& x) {
  if (!has_kernel(x)) return at::gelu(x);
  if (x.requires_grad() && at::GradMode::is_enabled()) return FusedGelu::apply(x);
  const at::Tensor input = x.contiguous();
  at::Tensor y = at::empty_like(input);
  gelu_kernel(input, y, nullptr);
  return y;
}

}  // namespace

std::optional<Activation> activation_from(const std::string& name) {
  const auto it = table().find(name);
  return it == table().end() ? std::nullopt : std::optional(it->second);
}

std::vector<std::string> activation_names() {
  std::vector<std::string> names;
  for (const auto& [name, activation] : table()) names.push_back(name);
  return names;
}

at::Tensor activate(const at::Tensor& x, Activation activation) {
  switch (activation) {
    case Activation::gelu:
      return exact_gelu(x);
    case Activation::gelu_tanh:
      return at::gelu(x, "tanh");
    case Activation::relu:
      return at::relu(x);
    case Activation::silu:
      return at::silu(x);
    case Activation::tanh:
      return at::tanh(x);
  }
  FG_CHECK(false, "unknown activation {}", static_cast<int>(activation));
}

}  // namespace filigree::nn::ops
