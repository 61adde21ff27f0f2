#include "core/adapt/methods/dps.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/adapt/followers.h"
#include "core/adapt/methods/whole.h"
#include "core/adapt/mixture.h"
#include "core/random.h"
#include "core/recipe/schema.h"
#include "core/selection/pool.h"

namespace filigree::adapt {
namespace {

constexpr double kSmallSum = 1000;   // squared gradients are summed in thousandths, as published
constexpr int64_t kLongPeriod = 50;  // from this length on, columns that were used more often count less

/// A matrix whose entries are selected.
struct Selected {
  nn::Linear* linear;
  nn::ParameterPtr sum;         ///< of squared gradients
  nn::ParameterPtr uses;        ///< mix: how often each column was used in this period
  nn::ParameterPtr pretrained;  ///< mix
};

class Dps : public Method {
 public:
  explicit Dps(DpsOptions options) : options_(std::move(options)) {}
  std::string name() const override { return "dps"; }

  void attach(nn::Model& model, const AttachContext& context) override {
    seed_ = context.seed;
    train_all(model, options_.freeze);
    if (mixes()) refuse_updated(model);
    std::vector<nn::ParameterPtr> weights;
    for (nn::Linear* linear : trained_linears(model)) {
      selected_.push_back(add(model.parameters(), *linear));
      weights.push_back(linear->weight());
    }
    masks_ = add_update_masks(model, weights, nn::Role::derived);
  }

  void before_step(nn::Model&, const Step& step) override {
    if (!mixes()) return;
    const bool selects = period(step).selects;
    for (size_t i = 0; i < selected_.size(); ++i) {
      const nn::Linear& linear = *selected_[i].linear;
      mixture_of(linear)->mix(
          selects ? masks_[i].mask->value()
                  : draw_columns(linear, random::stream(seed_, "dps", random::hash(linear.name()), step.step),
                                 options_.unselected_share));
    }
  }

  void after_backward(nn::Model&, const Step& step) override {
    const at::NoGradGuard no_grad;
    if (period(step).selects) return mask_gradients(masks_);
    for (const Selected& one : selected_) {
      const at::Tensor gradient = one.linear->weight()->value().grad().div(step.losses);
      one.sum->value().addcmul_(gradient, gradient, 1.0 / kSmallSum);
      if (one.uses) one.uses->value().add_(mixture_of(*one.linear)->mixed_by().flatten());
    }
  }

  std::vector<nn::EntryMask> moving(nn::Model&, const Step& step) const override {
    if (options_.unselected == Unselected::drift || !period(step).selects) return {};
    return entry_masks(masks_);
  }

  void refresh(nn::Model&, const Step& step) override {
    const at::NoGradGuard no_grad;
    for (const Selected& one : selected_)
      if (Mixture* mixture = mixture_of(*one.linear)) mixture->mix({});
    const DpsPeriod now = period(step);
    if (now.is_first) begin(now);
    if (now.selects && (now.is_first || !selected_now_)) select(now, step.tp);
    selected_now_ = now.selects;
  }

 private:
  bool mixes() const { return options_.variant == DpsVariant::mix; }
  DpsPeriod period(const Step& step) const { return dps_period(step.step, step.steps, options_.update_ratio); }

  Selected add(nn::ParameterTable& table, nn::Linear& linear) const {
    const at::Tensor weight = linear.weight()->value().detach();
    Selected one{&linear, add_entries_like(table, linear, "dps_sum", at::zeros_like(weight), nn::Role::buffer), {}, {}};
    if (!mixes()) return one;
    one.uses = add_lines(table, linear, "dps_uses", 1, nn::Role::buffer);
    one.pretrained = add_entries_like(table, linear, "pretrained", weight.clone(), nn::Role::buffer);
    add_mixture(table, linear, {options_.unselected_share, options_.exact_gradient});
    return one;
  }

  void begin(const DpsPeriod& now) const {
    for (const Selected& one : selected_) {
      if (mixes())
        mixture_of(*one.linear)
            ->target()
            ->value()
            .copy_((now.selects ? one.linear->weight() : one.pretrained)->value().detach());
      if (now.selects) continue;
      one.sum->value().zero_();
      if (one.uses) one.uses->value().zero_();
    }
  }

  /// What selects the entries of a matrix.
  at::Tensor importance(const Selected& one, const DpsPeriod& now) const {
    if (!one.uses) return one.sum->value();
    const at::Tensor uses = one.uses->value().clamp_min(1);
    at::Tensor mean = one.sum->value().div(uses);
    if (now.length >= kLongPeriod) mean.mul_(uses.div(-static_cast<double>(now.length)).exp_());
    return mean;
  }

  void select(const DpsPeriod& now, dist::Communicator& tp) const {
    std::vector<selection::Pool> pools;
    for (const Selected& one : selected_) {
      selection::Pool pool{{{one.linear->weight().get(), selection::key_of(importance(one, now))}}};
      const auto entries = static_cast<double>(pool.entries());
      pool.removed = pool.entries() - static_cast<int64_t>(std::ceil(entries * (1.0 - options_.unselected_share)));
      pools.push_back(std::move(pool));
    }
    set_masks(masks_, selection::masks_without_lowest(pools, tp));
  }

  DpsOptions options_;
  uint64_t seed_ = 0;
  std::vector<Selected> selected_;
  std::vector<UpdateMask> masks_;
  bool selected_now_ = false;
};

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

void add_dps(Registry& registry) {
  registry.add<DpsOptions, Dps>("dps",
                                "train all parameters; in every second period, update the important entries only");
}

}  // namespace filigree::adapt
