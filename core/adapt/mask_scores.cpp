#include "core/adapt/mask_scores.h"

#include <ATen/ops/abs.h>
#include <ATen/ops/add.h>
#include <ATen/ops/full.h>
#include <ATen/ops/mm.h>

#include "core/adapt/followers.h"

namespace filigree::adapt {

LowRankScores::LowRankScores(nn::ParameterTable& table, nn::Linear& linear, const at::Tensor& a,
                             const at::Tensor& b, double low_rank_scale, double line_scale)
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

}  // namespace filigree::adapt
