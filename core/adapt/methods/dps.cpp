#include "core/adapt/methods/dps.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>

#include <cmath>
#include <utility>

#include "core/adapt/followers.h"
#include "core/adapt/methods/whole.h"
#include "core/adapt/mixture.h"
#include "core/random.h"
#include "core/selection/pool.h"

namespace filigree::adapt {
namespace {

constexpr double kSmallSum = 1000;  // squared gradients are summed in thousandths, as published

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

  void detach(nn::Model& model) override {
    for (const Selected& one : selected_) {
      remove_mixture(model.parameters(), *one.linear);
      for (const nn::ParameterPtr& state : {one.sum, one.uses, one.pretrained})
        if (state) remove_follower(model.parameters(), *one.linear, *state);
    }
    selected_.clear();
    remove_update_masks(model, masks_);
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

  void select(const DpsPeriod& now, dist::Communicator& tp) const {
    std::vector<selection::Pool> pools;
    for (const Selected& one : selected_) {
      selection::Pool pool{
          {{one.linear->weight().get(),
            selection::key_of(dps_importance(one.sum->value(), one.uses ? one.uses->value() : at::Tensor(), now))}}};
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

void add_dps(Registry& registry) {
  registry.add<DpsOptions, Dps>("dps",
                                "train all parameters; in every second period, update the important entries only");
}

}  // namespace filigree::adapt
