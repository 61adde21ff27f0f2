#include "core/adapt/methods/masks/movement.h"

#include <utility>

#include "core/adapt/learned_mask.h"
#include "core/adapt/methods/masks/entry_scores.h"
#include "core/adapt/methods/masks/threshold_options.h"
#include "core/adapt/methods/updates.h"
#include "core/adapt/methods/whole.h"
#include "core/adapt/schedule.h"
#include "core/adapt/score_training.h"
#include "core/recipe/schema.h"

namespace filigree::adapt {
namespace {

class Movement : public Method {
 public:
  explicit Movement(MovementOptions options) : options_(std::move(options)) {}
  std::string name() const override { return "movement"; }

  void attach(nn::Model& model, const AttachContext&) override {
    train_all(model, options_.freeze);
    add_scores(model, free_linears(model, options_.targets, false), 0.0, options_.score_lr_ratio, MaskRule::share);
  }

  void refresh(nn::Model& model, const Step& step) override {
    if (step.attached) set_mask_levels(model, share(step));
    refresh_masks(model, step.tp);
  }

  bool counts_for_best(const Step& step) const override { return !step.attached || share(step) == options_.sparsity; }

 private:
  double share(const Step& step) const {
    return cubic(step.step, step.steps,
                 {options_.initial_sparsity, options_.sparsity, options_.sparsity_warmup, options_.sparsity_hold});
  }
  MovementOptions options_;
};

class SoftMovement : public Method {
 public:
  explicit SoftMovement(SoftMovementOptions options) : options_(std::move(options)) {}
  std::string name() const override { return "soft_movement"; }

  void attach(nn::Model& model, const AttachContext&) override {
    train_all(model, options_.freeze);
    add_scores(model, free_linears(model, options_.targets, false), kFirstSoftScore, options_.score_lr_ratio,
               MaskRule::threshold);
  }

  void after_backward(nn::Model& model, const Step& step) override {
    penalize_scores(model, options_.penalty * threshold(step) / options_.threshold * step.losses);
  }

  void refresh(nn::Model& model, const Step& step) override {
    if (step.attached) set_mask_levels(model, threshold(step));
    refresh_masks(model, step.tp);
  }

  bool counts_for_best(const Step& step) const override {
    return !step.attached || threshold(step) == options_.threshold;
  }

 private:
  double threshold(const Step& step) const {
    if (!step.attached) return options_.threshold;
    return cubic(step.step, step.steps, {0.0, options_.threshold, options_.threshold_warmup, options_.threshold_hold});
  }
  SoftMovementOptions options_;
};

}  // namespace

void MovementOptions::describe(recipe::Schema& schema) {
  schema.field("sparsity", sparsity, "share of each target's entries that are 0 at the end", recipe::above(0).below(1));
  schema.field("initial_sparsity", initial_sparsity, "share of zeros at first", recipe::from(0).below(1))
      .rule("initial_sparsity is at most sparsity",
            [this] { return initial_sparsity > sparsity ? "is greater than sparsity" : ""; });
  schema.field("sparsity_warmup", sparsity_warmup, "share of the steps before the share of zeros grows",
               recipe::from(0).to(1));
  schema
      .field("sparsity_hold", sparsity_hold, "share of the steps at the end that train at the final sparsity",
             recipe::from(0).to(1))
      .rule("sparsity_warmup and sparsity_hold are at most 1 together", [this] {
        return sparsity_warmup + sparsity_hold > 1 ? "and sparsity_warmup are more than 1 together" : "";
      });
  schema.field("score_lr_ratio", score_lr_ratio, kRatioHelp, recipe::above(0).to(1e6));
  schema.field("targets", targets, kMaskedHelp).patterns();
  schema.field("freeze", freeze, kFreezeHelp).patterns();
}

void SoftMovementOptions::describe(recipe::Schema& schema) {
  describe_thresholds(schema, *this);
  schema.field("targets", targets, kMaskedHelp).patterns();
  schema.field("freeze", freeze, kFreezeHelp).patterns();
}

void add_movement(Registry& registry) {
  registry.add<MovementOptions, Movement>("movement", "train all parameters and the scores of a mask that grows");
  registry.add<SoftMovementOptions, SoftMovement>("soft_movement",
                                                  "train all parameters and the scores of a mask by a threshold");
}

}  // namespace filigree::adapt
