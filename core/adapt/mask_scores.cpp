#include "core/adapt/mask_scores.h"

#include <ATen/ops/abs.h>
#include <ATen/ops/add.h>
#include <ATen/ops/full.h>
#include <ATen/ops/mm.h>

#include "core/adapt/followers.h"

namespace filigree::adapt {

LowRankScores::LowRankScores(nn::ParameterTable& table, nn::Linear& linear, const at::Tensor& a, const at::Tensor& b,
                             double low_rank_scale, double line_scale)
    : low_rank_(add_factors(table, linear, {"score_A", "score_B"}, a, b)),
      rows_(add_lines(table, linear, "score_R", 0, nn::Role::trainable)),
      cols_(add_lines(table, linear, "score_C", 1, nn::Role::trainable)),
      low_rank_scale_(low_rank_scale),
      line_scale_(line_scale) {
  low_rank_.u->decays = low_rank_.v->decays = false;
}

at::Tensor LowRankScores::of(const at::Tensor& weight) const {
  const at::Tensor low_rank = at::mm(low_rank_.u->value(), low_rank_.v->value());
  const at::Tensor lines = at::add(rows_->value().unsqueeze(1), cols_->value().unsqueeze(0));
  return at::abs(weight).add(low_rank, low_rank_scale_).add(lines, line_scale_);
}

std::vector<nn::ParameterPtr> LowRankScores::parameters() const { return {low_rank_.u, low_rank_.v, rows_, cols_}; }

EntryScores::EntryScores(nn::ParameterTable& table, nn::Linear& linear, double first) {
  const nn::Parameter& weight = *linear.weight();
  const at::Tensor values = at::full(weight.sizes(), first, at::TensorOptions(at::kFloat).device(weight.device()));
  scores_ = add_entries_like(table, linear, "score", values, nn::Role::trainable);
  scores_->decays = false;
}

at::Tensor EntryScores::of(const at::Tensor&) const { return scores_->value(); }

BlockScores::BlockScores(nn::ParameterTable& table, nn::Linear& linear, int64_t block, double first) : block_(block) {
  const nn::Parameter& weight = *linear.weight();
  const at::Tensor values = at::full({weight.logical_shape[0] / block, weight.logical_shape[1] / block}, first,
                                     at::TensorOptions(at::kFloat).device(weight.device()));
  scores_ = add_follower(table, linear, "score", values, nn::Role::trainable, 0, 1, block);
  scores_->decays = false;
}

at::Tensor BlockScores::of(const at::Tensor&) const {
  return scores_->value().repeat_interleave(block_, 0).repeat_interleave(block_, 1);
}

nn::ParameterPtr LineScores::add(nn::ParameterTable& table, nn::Linear& linear, int64_t dim, double first) {
  const nn::ParameterPtr scores = add_lines(table, linear, "score", dim, nn::Role::trainable);
  scores->value().detach().fill_(first);
  scores->decays = false;
  return scores;
}

at::Tensor LineScores::of(const at::Tensor& weight) const {
  return scores_->value().unsqueeze(1 - dim_).expand(weight.sizes());
}

}  // namespace filigree::adapt
