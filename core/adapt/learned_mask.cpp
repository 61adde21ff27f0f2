#include "core/adapt/learned_mask.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/add.h>
#include <ATen/ops/full.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include "core/adapt/followers.h"
#include "core/selection/pool.h"

namespace filigree::adapt {
namespace {

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

/// The smallest number of entries that a threshold leaves.
int64_t at_least(int64_t entries) { return entries / 200 + 1; }

struct Masked {
  const nn::Linear* linear;
  const LearnedMask* mask;
};

std::vector<Masked> masked_linears(nn::Model& model) {
  std::vector<Masked> all;
  for (const nn::Linear* linear : model.linears())
    if (const LearnedMask* mask = learned_mask(*linear)) all.push_back({linear, mask});
  return all;
}

selection::Pool pool_of(const Masked& masked) {
  at::Tensor weight = masked.linear->weight()->gather().to(at::kFloat);
  if (masked.linear->adapter()) weight = at::add(weight, masked.linear->adapter()->delta());
  selection::Pool pool{{{masked.linear->weight().get(), selection::key_of(masked.mask->scores().of(weight).detach())}}};
  pool.removed = static_cast<int64_t>(masked.mask->level() * static_cast<double>(pool.entries()));
  return pool;
}

/// Replaces the counts of the masks by threshold. Collective.
void count_below_thresholds(const std::vector<Masked>& masked, std::vector<selection::Pool>& pools,
                            dist::Communicator& tp) {
  at::Tensor counts = at::zeros({static_cast<int64_t>(pools.size())}, at::kLong);
  bool any = false;
  for (size_t i = 0; i < pools.size(); ++i) {
    if (masked[i].mask->rule() != MaskRule::threshold) continue;
    any = true;
    const double level = masked[i].mask->level(), limit_score = std::log(level / (1.0 - level));
    const selection::Matrix& matrix = pools[i].matrices.front();
    const at::Tensor limit = selection::key_of(at::full({1}, limit_score, matrix.keys.options().dtype(at::kFloat)));
    // A matrix that is not split is whole on each rank: one of them counts it.
    if (!matrix.placed->placement.replicated() || tp.rank() == 0)
      counts[static_cast<int64_t>(i)] = matrix.keys.le(limit).sum().cpu();
  }
  if (!any) return;
  tp.all_reduce(counts);
  for (size_t i = 0; i < pools.size(); ++i)
    if (masked[i].mask->rule() == MaskRule::threshold)
      pools[i].removed =
          std::min(counts[static_cast<int64_t>(i)].item<int64_t>(), pools[i].entries() - at_least(pools[i].entries()));
}

}  // namespace

at::Tensor straight_through(const at::Tensor& value, const at::Tensor& score, const at::Tensor& mask) {
  return StraightThrough::apply(value, score, mask);
}

LearnedMask::LearnedMask(std::unique_ptr<MaskScores> scores, MaskRule rule, nn::ParameterPtr level,
                         nn::ParameterPtr mask)
    : scores_(std::move(scores)), rule_(rule), level_(std::move(level)), mask_(std::move(mask)) {}

at::Tensor LearnedMask::apply(const at::Tensor& weight) const {
  if (!at::GradMode::is_enabled()) return at::mul(weight, mask_->value().to(weight.scalar_type()));
  const at::Tensor exact = weight.to(at::kFloat);
  return straight_through(exact, scores_->of(exact), mask_->value());
}

std::vector<nn::ParameterPtr> LearnedMask::parameters() const {
  std::vector<nn::ParameterPtr> all = scores_->parameters();
  all.insert(all.end(), {level_, mask_});
  return all;
}

double LearnedMask::level() const { return level_->value().item<double>(); }

void LearnedMask::set_level(double level) const { level_->value().fill_(level); }

const LearnedMask* learned_mask(const nn::Linear& linear) {
  return dynamic_cast<const LearnedMask*>(linear.transform());
}

void add_learned_mask(nn::ParameterTable& table, nn::Linear& linear, std::unique_ptr<MaskScores> scores,
                      MaskRule rule) {
  const nn::Parameter& weight = *linear.weight();
  const nn::ParameterPtr level =
      table.add(linear.name() + ".mask_level", at::zeros({1}, at::kDouble), nn::Role::buffer);
  const at::Tensor ones = at::ones(weight.sizes(), at::TensorOptions(at::kByte).device(weight.device()));
  const nn::ParameterPtr mask = add_entries_like(table, linear, "learned_mask", ones, nn::Role::derived);
  linear.set_transform(std::make_shared<LearnedMask>(std::move(scores), rule, level, mask));
}

void remove_learned_mask(nn::ParameterTable& table, nn::Linear& linear) {
  const std::vector<nn::ParameterPtr> parameters = linear.transform()->parameters();
  linear.set_transform(nullptr);
  for (const nn::ParameterPtr& parameter : parameters) {
    linear.leave(*parameter);
    if (table.find(parameter->name)) table.remove(parameter->name);
  }
}

void set_mask_levels(nn::Model& model, double level) {
  for (const Masked& masked : masked_linears(model)) masked.mask->set_level(level);
}

void refresh_masks(nn::Model& model, dist::Communicator& tp) {
  const at::NoGradGuard no_grad;
  const std::vector<Masked> masked = masked_linears(model);
  std::vector<selection::Pool> pools;
  std::ranges::transform(masked, std::back_inserter(pools), pool_of);
  if (pools.empty()) return;
  count_below_thresholds(masked, pools, tp);
  const std::vector<at::Tensor> made = selection::masks_without_lowest(pools, tp);
  for (size_t i = 0; i < masked.size(); ++i) masked[i].mask->mask()->set_value(made[i]);
}

}  // namespace filigree::adapt
