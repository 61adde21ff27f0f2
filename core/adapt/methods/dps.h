#pragma once
// DPS, dynamic parameter selection (Zhang et al. 2022, arXiv 2210.16771): all parameters train. The steps are divided into
// periods of int(steps * update_ratio). In odd periods all entries are updated and squared gradients are summed. In even ones
// only the entries of each matrix with the largest sums are updated. Variant mix also mixes each weight (mixture.h): in odd
// periods with the pretrained weight by columns that are drawn in each step, in even ones with the weight of the period's
// start by the selection.
#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "core/adapt/method.h"
#include "core/adapt/update_masks.h"
#include "core/enum_names.h"
#include "core/recipe/recipe.h"

namespace filigree::adapt {

enum class DpsVariant { dense, mix };
constexpr std::array<EnumName<DpsVariant>, 2> enum_names(DpsVariant) {
  return {{{DpsVariant::dense, "dense"}, {DpsVariant::mix, "mix"}}};
}

struct DpsOptions : recipe::MethodOptions {
  DpsVariant variant = DpsVariant::dense;
  double update_ratio = 0.1;
  double unselected_share = 0.3;
  Unselected unselected = Unselected::drift;
  bool exact_gradient = false;
  std::vector<std::string> freeze;
  void describe(recipe::Schema& schema) override;
};

/// Where a step lies in the periods of DPS.
struct DpsPeriod {
  int64_t length = 1;     ///< steps of a period
  bool is_first = false;  ///< the next step is the first one of its period
  bool selects = false;   ///< the next step's period is an even one
};
/// Of the step after `step` updates of `steps`.
DpsPeriod dps_period(int64_t step, int64_t steps, double update_ratio);

/// What selects the entries of a matrix: the sum of its squared gradients; with `uses` of its columns (mix), the mean over
/// the uses, and in long periods less for columns that were used more often.
at::Tensor dps_importance(const at::Tensor& sum, const at::Tensor& uses, const DpsPeriod& now);

void add_dps(Registry& registry);

}  // namespace filigree::adapt
