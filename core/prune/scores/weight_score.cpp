#include "core/prune/scores/weight_score.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/add.h>
#include <ATen/ops/mul.h>

#include "core/error.h"
#include "core/nn/adapter.h"
#include "core/nn/weight_transform.h"
#include "core/prune/scores/by_unit.h"

namespace filigree::prune {
namespace {

/// unmasked: without the mask.
EntryWeights weights_of(const nn::Linear& linear, bool unmasked) {
  const at::NoGradGuard no_grad;
  const bool masked = linear.mask() && !unmasked;
  at::Tensor base = linear.weight()->value().detach().to(at::kFloat);
  if (linear.covers_update())
    return {masked || linear.transform() ? linear.merged_weight() : at::add(base, linear.adapter()->delta()), {}};
  if (linear.transform()) base = linear.transform()->apply(base);
  if (masked) base = at::mul(base, linear.mask()->value().to(at::kFloat));
  return {base, linear.adapter() ? std::optional(linear.adapter()->delta()) : std::nullopt};
}

bool counts(const nn::StructureMember& member) {
  return member.role == "query" || member.role == "value" || member.role == "ffn_in" || member.role == "ffn_out" ||
         member.linear->adapter();
}

}  // namespace

at::Tensor WeightScore::of(const nn::Linear& linear, bool unmasked) const { return of(weights_of(linear, unmasked)); }

Scores WeightScore::of_units(const std::vector<nn::StructureGroup*>& groups, const ScoreInput&) const {
  Scores scores;
  for (const nn::StructureGroup* group : groups) {
    at::Tensor sum;
    for (const nn::StructureMember& member : group->members) {
      if (!counts(member)) continue;
      const at::Tensor part = by_unit(of(*member.linear, false), member.dim, group->unit);
      sum = sum.defined() ? sum.add_(part) : part;
    }
    FG_CHECK(sum.defined(), "no score reads a linear of the {}s of layer {}", nn::to_string(group->kind), group->layer);
    scores.push_back(to_vector(sum));
  }
  return scores;
}

std::vector<at::Tensor> WeightScore::of_entries(const std::vector<nn::Linear*>& linears,
                                                const ScoreInput& input) const {
  std::vector<at::Tensor> scores;
  for (const nn::Linear* linear : linears) scores.push_back(of(*linear, input.unmasked));
  return scores;
}

}  // namespace filigree::prune
