#include "core/adapt/learned_mask.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/add.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>

#include <array>
#include <utility>

#include "core/selection/pool.h"

namespace filigree::adapt {
namespace {

using nn::Role;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct StraightThrough : torch::autograd::Function<StraightThrough> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& value, const at::Tensor&, const at::Tensor& mask) {
    ctx->save_for_backward({value, mask});
    return at::mul(value, mask.to(value.scalar_type()));
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& gradients) {
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor& g = gradients[0];
    at::Tensor of_value, of_score;
    if (ctx->needs_input_grad(0)) of_value = at::mul(g, saved[1].to(g.scalar_type()));
    if (ctx->needs_input_grad(1)) of_score = at::mul(g, saved[0]);
    return {of_value, of_score, {}};
  }
};

/// A parameter of the linear's lines along `dim`, 0 at first.
nn::ParameterPtr add_lines(nn::ParameterTable& table, const std::string& name, const nn::Linear& linear, int64_t dim) {
  const nn::Placement& part = linear.weight()->placement;
  nn::Placement placed;
  if (part.split(dim)) placed = {0, part.slice};
  const at::Tensor zeros = at::zeros({linear.weight()->logical_shape[static_cast<size_t>(dim)]},
                                     at::TensorOptions(at::kFloat).device(linear.weight()->device()));
  nn::ParameterPtr parameter = table.add(name, zeros, Role::trainable, placed);
  parameter->partial_gradient = part.split(1 - dim);
  return parameter;
}

nn::ParameterPtr add_mask(nn::ParameterTable& table, const nn::Linear& linear) {
  const nn::Parameter& weight = *linear.weight();
  const at::Tensor ones = at::ones(weight.sizes(), at::TensorOptions(at::kByte).device(weight.device()));
  nn::ParameterPtr mask = table.add(linear.name() + ".learned_mask", ones, Role::derived);
  mask->placement = weight.placement;
  mask->logical_shape = weight.logical_shape;
  return mask;
}

}  // namespace

at::Tensor straight_through(const at::Tensor& value, const at::Tensor& score, const at::Tensor& mask) {
  return StraightThrough::apply(value, score, mask);
}

LearnedMask::LearnedMask(ScoreParameters scores, nn::ParameterPtr share, nn::ParameterPtr mask)
    : scores_(std::move(scores)), share_(std::move(share)), mask_(std::move(mask)) {}

at::Tensor LearnedMask::scores(const at::Tensor& weight) const {
  const at::Tensor low_rank = at::mm(scores_.low_rank.u->value(), scores_.low_rank.v->value());
  const at::Tensor lines = at::add(scores_.rows->value().unsqueeze(1), scores_.cols->value().unsqueeze(0));
  return at::abs(weight).add(low_rank, scores_.low_rank_scale).add(lines, scores_.line_scale);
}

at::Tensor LearnedMask::apply(const at::Tensor& weight) const {
  if (!at::GradMode::is_enabled()) return at::mul(weight, mask_->value().to(weight.scalar_type()));
  const at::Tensor exact = weight.to(at::kFloat);
  return straight_through(exact, scores(exact), mask_->value());
}

std::vector<nn::ParameterPtr> LearnedMask::parameters() const {
  return {scores_.low_rank.u, scores_.low_rank.v, scores_.rows, scores_.cols, share_, mask_};
}

std::vector<nn::Reslice> LearnedMask::reslice(int64_t dim, const nn::AxisChange& change) {
  std::vector<nn::Reslice> done = scores_.low_rank.reslice(dim, change);
  done.push_back(nn::reslice(dim == 0 ? scores_.rows : scores_.cols, 0, change));
  nn::reslice(mask_, dim, change);
  return done;
}

double LearnedMask::share() const { return share_->value().item<double>(); }

void LearnedMask::set_share(double share) const { share_->value().fill_(share); }

void add_learned_mask(nn::ParameterTable& table, nn::Linear& linear, const at::Tensor& a, const at::Tensor& b,
                      double low_rank_scale, double line_scale) {
  ScoreParameters scores;
  scores.low_rank = add_factors(table, {linear.name() + ".score_A", linear.name() + ".score_B"}, a, b,
                                linear.weight()->placement);
  scores.rows = add_lines(table, linear.name() + ".score_R", linear, 0);
  scores.cols = add_lines(table, linear.name() + ".score_C", linear, 1);
  scores.low_rank_scale = low_rank_scale;
  scores.line_scale = line_scale;
  const nn::ParameterPtr share = table.add(linear.name() + ".mask_share", at::zeros({1}, at::kDouble), Role::buffer);
  linear.set_transform(std::make_shared<LearnedMask>(std::move(scores), share, add_mask(table, linear)));
}

void refresh_masks(nn::Model& model, dist::Communicator& tp) {
  const at::NoGradGuard no_grad;
  std::vector<const LearnedMask*> masks;
  std::vector<selection::Pool> pools;
  for (const nn::Linear* linear : model.linears()) {
    const auto* learned = dynamic_cast<const LearnedMask*>(linear->transform());
    if (learned == nullptr) continue;
    at::Tensor weight = linear->weight()->gather().to(at::kFloat);
    if (linear->adapter()) weight = at::add(weight, linear->adapter()->delta());
    selection::Pool pool{{{linear->weight().get(), selection::key_of(learned->scores(weight))}}};
    pool.removed = static_cast<int64_t>(learned->share() * static_cast<double>(pool.entries()));
    masks.push_back(learned);
    pools.push_back(std::move(pool));
  }
  if (pools.empty()) return;
  const std::vector<at::Tensor> made = selection::masks_without_lowest(pools, tp);
  for (size_t i = 0; i < masks.size(); ++i) masks[i]->mask()->set_value(made[i]);
}

}  // namespace filigree::adapt
