#include "core/prune/scores/coefficients.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros_like.h>

#include <cmath>
#include <utility>

#include "core/error.h"
#include "dist/communicator.h"

namespace filigree::prune {

Coefficients::Coefficients(const std::vector<nn::StructureGroup*>& groups) {
  for (const nn::StructureGroup* group : groups) {
    nn::Linear* out = nullptr;
    for (const nn::StructureMember& member : group->members) {
      if (member.dim == 1) out = member.linear;
    }
    FG_CHECK(out, "no linear takes the outputs of the {}s of layer {}", nn::to_string(group->kind), group->layer);
    const auto options = at::TensorOptions().dtype(at::kFloat).device(out->weight()->value().device());
    leaves_.push_back(at::ones({group->share().size()}, options).requires_grad_());
    saved_.push_back({out, out->input_hook});
    out->input_hook = [before = out->input_hook, c = leaves_.back(), unit = group->unit](const at::Tensor& x) {
      const at::Tensor columns = c.unsqueeze(1).expand({c.size(0), unit}).reshape({-1});
      const at::Tensor scaled = at::mul(x, columns.to(x.scalar_type()));
      return before ? before(scaled) : scaled;
    };
  }
}

Coefficients::~Coefficients() {
  for (SavedHook& hook : saved_) hook.linear->input_hook = std::move(hook.input);
}

at::Tensor Coefficients::gradients() const {
  std::vector<at::Tensor> parts;
  for (const at::Tensor& leaf : leaves_) {
    parts.push_back(leaf.grad().defined() ? leaf.grad() : at::zeros_like(leaf.detach()));
  }
  return at::cat(parts);
}

void Coefficients::zero_gradients() {
  for (at::Tensor& leaf : leaves_) leaf.mutable_grad() = at::Tensor();
}

void Coefficients::update(const at::Tensor& step) {
  const at::NoGradGuard no_grad;
  int64_t at = 0;
  for (at::Tensor& leaf : leaves_) {
    leaf.sub_(step.narrow(0, at, leaf.numel()));
    at += leaf.numel();
  }
}

Scores l1_scores(const std::vector<nn::StructureGroup*>& groups, const nn::GradientBatches& data,
                 const L1Options& options) {
  FG_CHECK(data.run_batch && data.batches > 0, "l1 needs batches");
  Coefficients coefficients(groups);
  at::Tensor first = at::zeros_like(coefficients.gradients()), second = at::zeros_like(first);
  for (int64_t step = 0; step < data.batches; ++step) {
    coefficients.zero_gradients();
    data.run_batch(step);
    at::Tensor gradient = coefficients.gradients();
    data.dp.all_reduce(gradient);
    std::vector<at::Tensor> signs;
    for (size_t g = 0; g < coefficients.size(); ++g) signs.push_back(coefficients.of(g).detach().sign());
    gradient.add_(at::cat(signs), options.lambda);
    first.mul_(options.beta1).add_(gradient, 1 - options.beta1);
    second.mul_(options.beta2).addcmul_(gradient, gradient, 1 - options.beta2);
    const double t = static_cast<double>(step + 1);
    const double rate = options.lr * std::sqrt(1 - std::pow(options.beta2, t)) / (1 - std::pow(options.beta1, t));
    coefficients.update(first.div(second.sqrt().add_(options.eps)).mul_(rate));
  }
  Scores scores;
  for (size_t g = 0; g < coefficients.size(); ++g) {
    const at::Tensor values = coefficients.of(g).detach().to(at::kCPU, at::kDouble).contiguous();
    scores.emplace_back(values.data_ptr<double>(), values.data_ptr<double>() + values.numel());
  }
  return scores;
}

}  // namespace filigree::prune
