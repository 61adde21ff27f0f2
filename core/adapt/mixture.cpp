#include "core/adapt/mixture.h"

#include <ATen/ops/addcmul.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/sub.h>
#include <torch/csrc/autograd/custom_function.h>

#include <memory>

#include "core/adapt/followers.h"
#include "core/random.h"

namespace filigree::adapt {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct Mix : torch::autograd::Function<Mix> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& weight, const at::Tensor& target,
                            const at::Tensor& n, double probability, bool exact) {
    const at::Tensor factor = n.to(weight.scalar_type()).div(1.0 - probability);
    ctx->save_for_backward({exact ? factor : n});
    return at::addcmul(target.to(weight.scalar_type()), factor, at::sub(weight, target));
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& gradients) {
    const at::Tensor factor = ctx->get_saved_variables()[0];
    return {at::mul(gradients[0], factor.to(gradients[0].scalar_type())), {}, {}, {}, {}};
  }
};

}  // namespace

at::Tensor Mixture::apply(const at::Tensor& weight) const {
  if (!n_.defined()) return weight;
  return Mix::apply(weight, target_->value(), n_, options_.probability, options_.exact_gradient);
}

Mixture* mixture_of(const nn::Linear& linear) { return dynamic_cast<Mixture*>(linear.transform()); }

void add_mixture(nn::ParameterTable& table, nn::Linear& linear, const MixOptions& options) {
  const nn::ParameterPtr target =
      add_entries_like(table, linear, "mix_target", linear.weight()->value().detach().clone(), nn::Role::buffer);
  linear.set_transform(std::make_shared<Mixture>(target, options));
}

void remove_mixture(nn::ParameterTable& table, nn::Linear& linear) {
  const Mixture* mixture = mixture_of(linear);
  if (!mixture) return;
  const nn::ParameterPtr target = mixture->target();
  linear.set_transform(nullptr);
  remove_follower(table, linear, *target);
}

at::Tensor draw_columns(const nn::Linear& linear, uint64_t stream, double probability) {
  const nn::Placement& part = linear.weight()->placement;
  const int64_t first = part.split(1) ? part.slice.begin : 0, columns = linear.weight()->size(1);
  at::Tensor n = at::empty({1, columns}, at::kFloat);
  auto* value = n.mutable_data_ptr<float>();
  for (int64_t i = 0; i < columns; ++i)
    value[i] = random::uniform(stream, static_cast<uint64_t>(first + i)) < probability ? 0.0F : 1.0F;
  return n.to(linear.weight()->device());
}

}  // namespace filigree::adapt
