#pragma once
// The weight by which a linear multiplies, written out in fp64 for autograd: every mask, transform and update.
#include <ATen/TensorOperators.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros.h>

#include <map>
#include <string>
#include <vector>

#include "core/adapt/learned_mask.h"
#include "core/adapt/mixture.h"
#include "core/nn/adapter.h"
#include "core/nn/column_gates.h"

namespace filigree::test {

/// Constants of the transforms, which no parameter contains.
struct FormOptions {
  double score_scale = 1.0, line_scale = 1.0;  ///< of PST's scores
  double probability = 0.0;                    ///< of a mixture
  bool exact_gradient = false;                 ///< of a mixture
};

/// Copies of parameters in fp64. Each use of a parameter returns the same tensor, so that autograd adds up its gradients.
class Leaves {
 public:
  const at::Tensor& of(const nn::Parameter& parameter) {
    const auto [place, added] = leaves_.try_emplace(parameter.name);
    if (added) {
      const at::Tensor copy = parameter.value().detach().to(at::kDouble, /*non_blocking=*/false, /*copy=*/true);
      place->second = copy.requires_grad_(parameter.trainable());
    }
    return place->second;
  }
  bool contains(const std::string& name) const { return leaves_.contains(name); }
  const std::map<std::string, at::Tensor>& all() const { return leaves_; }

 private:
  std::map<std::string, at::Tensor> leaves_;
};

/// D = s U V + t S2.
inline at::Tensor update_form(const nn::Linear& linear, Leaves& leaves) {
  const nn::LowRankForm form = linear.adapter()->low_rank_form().value();
  at::Tensor d = at::zeros(linear.weight()->sizes(), at::kDouble);
  if (form.u) d = d + form.scale * at::mm(leaves.of(*form.u), leaves.of(*form.v));
  if (!form.values) return d;
  return d.index_put({form.rows->value(), form.cols->value()}, leaves.of(*form.values) * form.sparse_scale, true);
}

/// S: low-rank and line scores, or one score per row, column, block or entry.
inline at::Tensor score_form(const adapt::LearnedMask& mask, const at::Tensor& sum, Leaves& leaves,
                             const FormOptions& options) {
  const std::vector<nn::ParameterPtr> parameters = mask.scores().parameters();
  const at::Tensor first = leaves.of(*parameters[0]);
  if (parameters.size() == 4)
    return at::abs(sum) + options.score_scale * at::mm(first, leaves.of(*parameters[1])) +
           options.line_scale * (leaves.of(*parameters[2]).unsqueeze(1) + leaves.of(*parameters[3]).unsqueeze(0));
  if (first.dim() == 1) return first.unsqueeze(first.size(0) == sum.size(0) ? 1 : 0).expand(sum.sizes());
  return first.repeat_interleave(sum.size(0) / first.size(0), 0).repeat_interleave(sum.size(1) / first.size(1), 1);
}

/// ((1 - n) T + n W - p T) / (1 - p). As released, its gradient is n o G.
inline at::Tensor mixture_form(const adapt::Mixture& mixture, const at::Tensor& weight, Leaves& leaves,
                               const FormOptions& options) {
  if (!mixture.mixed_by().defined()) return weight;
  const at::Tensor n = mixture.mixed_by().to(at::kDouble), target = leaves.of(*mixture.target());
  const at::Tensor used = options.exact_gradient ? weight : weight.detach();
  const at::Tensor mixed = ((1 - n) * target + n * used - options.probability * target) / (1 - options.probability);
  return options.exact_gradient ? mixed : mixed + n * (weight - weight.detach());
}

/// T of W or W + D; W itself without a mask and a transform.
inline at::Tensor transformed_form(const nn::Linear& linear, const at::Tensor& sum, Leaves& leaves,
                                   const FormOptions& options) {
  if (const adapt::LearnedMask* learned = adapt::learned_mask(linear)) {
    const at::Tensor score = score_form(*learned, sum, leaves, options);
    return sum * (score - score.detach() + learned->mask()->value());  // autograd takes M for S
  }
  if (const adapt::Mixture* mixture = adapt::mixture_of(linear)) return mixture_form(*mixture, sum, leaves, options);
  if (const nn::ColumnGates* gates = nn::column_gates(linear)) {
    const at::Tensor of_units = leaves.of(*gates->gates());
    return sum * of_units.repeat_interleave(sum.size(1) / of_units.size(0));
  }
  return linear.mask() ? sum * linear.mask()->value() : sum;
}

/// What the linear multiplies by, fp64, differentiable in the leaves.
inline at::Tensor dense_form(const nn::Linear& linear, Leaves& leaves, const FormOptions& options) {
  const at::Tensor weight = leaves.of(*linear.weight());
  if (!linear.adapter()) return transformed_form(linear, weight, leaves, options);
  const at::Tensor d = update_form(linear, leaves);
  const bool covered =
      adapt::learned_mask(linear) || nn::column_gates(linear) || (linear.mask() && linear.mask_covers_update());
  return covered ? transformed_form(linear, weight + d, leaves, options)
                 : transformed_form(linear, weight, leaves, options) + d;
}

}  // namespace filigree::test
