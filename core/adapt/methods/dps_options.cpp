// DpsOptions, dps_period and dps_importance of dps.h.
#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstdint>

#include "core/adapt/methods/dps.h"
#include "core/recipe/schema.h"

namespace filigree::adapt {
namespace {

constexpr int64_t kLongPeriod = 50;  // from this length on, columns that were used more often count less

}  // namespace

DpsPeriod dps_period(int64_t step, int64_t steps, double update_ratio) {
  DpsPeriod period;
  period.length = std::max<int64_t>(1, static_cast<int64_t>(static_cast<double>(steps) * update_ratio));
  period.is_first = step % period.length == 0;
  period.selects = step / period.length % 2 == 1;
  return period;
}

void DpsOptions::describe(recipe::Schema& schema) {
  schema.field("variant", variant, "dense, or mix: weights are mixed with the pretrained ones besides");
  schema.field("update_ratio", update_ratio, "share of the steps that a period has", recipe::above(0).to(1));
  schema.field("unselected_share", unselected_share, "share of each matrix's entries that even periods do not update",
               recipe::above(0).below(1));
  schema.field("unselected", unselected,
               "what entries without a gradient do: drift with the moments and the weight decay, or stay");
  schema.field("exact_gradient", exact_gradient, "gradient of the mixed weight; false: without 1/(1-p), as published")
      .only("variant", "is mix", [this] { return variant == DpsVariant::mix; });
  schema.field("freeze", freeze, "parts of the model to keep frozen, by words in parameter names, such as embeddings")
      .patterns();
}

at::Tensor dps_importance(const at::Tensor& sum, const at::Tensor& uses, const DpsPeriod& now) {
  if (!uses.defined()) return sum;
  const at::Tensor used = uses.clamp_min(1);
  at::Tensor mean = sum.div(used);
  if (now.length >= kLongPeriod) mean.mul_(used.div(-static_cast<double>(now.length)).exp_());
  return mean;
}

}  // namespace filigree::adapt
