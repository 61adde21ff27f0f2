#pragma once
// Shared by the methods whose learned masks have a level that grows along a cubic curve: a share of zeros or a threshold.
#include "core/adapt/learned_mask.h"
#include "core/adapt/method.h"
#include "core/adapt/schedule.h"
#include "core/adapt/score_training.h"
#include "core/recipe/schema.h"

namespace filigree::adapt {

class LevelMethod : public Method {
 public:
  explicit LevelMethod(const Cubic& curve) : curve_(curve) {}

  void refresh(nn::Model& model, const Step& step) override {
    if (step.attached) set_mask_levels(model, level(step));
    refresh_masks(model, step.tp);
  }

  bool counts_for_best(const Step& step) const override { return level(step) == curve_.to; }

 protected:
  /// In a later stage that trains further: the final one.
  double level(const Step& step) const { return step.attached ? cubic(step.step, step.steps, curve_) : curve_.to; }
  double final_level() const { return curve_.to; }

 private:
  Cubic curve_;
};

/// The masks keep the scores above a threshold, and the loss adds penalty * threshold / final threshold * mean(sigmoid(S)).
class ThresholdMethod : public LevelMethod {
 public:
  ThresholdMethod(const Cubic& curve, double penalty) : LevelMethod(curve), penalty_(penalty) {}

  void after_backward(nn::Model& model, const Step& step) override {
    penalize_scores(model, penalty_ * level(step) / final_level() * step.losses);
  }

 private:
  double penalty_;
};

constexpr double kFirstSoftScore = 2.1972245773362196;  ///< sigmoid of it is 0.9, as in the published code

constexpr const char* kFreezeHelp =
    "parts of the model to keep frozen, by words in parameter names, such as embeddings";
constexpr const char* kRatioHelp = "learning rate of the scores, as a multiple of the recipe's";

template <class Options>
Cubic sparsity_curve(const Options& options) {
  return {options.initial_sparsity, options.sparsity, options.sparsity_warmup, options.sparsity_hold};
}

template <class Options>
Cubic threshold_curve(const Options& options) {
  return {0.0, options.threshold, options.threshold_warmup, options.threshold_hold};
}

template <class Options>
void describe_sparsity(recipe::Schema& schema, Options& options) {
  schema.field("sparsity", options.sparsity, "share of each target's entries that are 0 at the end",
               recipe::above(0).below(1));
  schema.field("initial_sparsity", options.initial_sparsity, "share of zeros at first", recipe::from(0).below(1))
      .rule("initial_sparsity is at most sparsity",
            [&options] { return options.initial_sparsity > options.sparsity ? "is greater than sparsity" : ""; });
  schema.field("sparsity_warmup", options.sparsity_warmup, "share of the steps before the share of zeros grows",
               recipe::from(0).to(1));
  schema
      .field("sparsity_hold", options.sparsity_hold, "share of the steps at the end that train at the final sparsity",
             recipe::from(0).to(1))
      .rule("sparsity_warmup and sparsity_hold are at most 1 together", [&options] {
        return options.sparsity_warmup + options.sparsity_hold > 1 ? "and sparsity_warmup are more than 1 together"
                                                                   : "";
      });
}

template <class Options>
void describe_thresholds(recipe::Schema& schema, Options& options) {
  schema.field("threshold", options.threshold, "entries whose sigmoid of the score is at most this are 0 at the end",
               recipe::above(0).below(1));
  schema.field("penalty", options.penalty, "factor of the mean sigmoid of the scores in the loss, at the end",
               recipe::from(0).to(1e9));
  schema.field("threshold_warmup", options.threshold_warmup, "share of the steps before the threshold grows",
               recipe::from(0).to(1));
  schema
      .field("threshold_hold", options.threshold_hold,
             "share of the steps at the end that train at the final threshold", recipe::from(0).to(1))
      .rule("threshold_warmup and threshold_hold are at most 1 together", [&options] {
        return options.threshold_warmup + options.threshold_hold > 1 ? "and threshold_warmup are more than 1 together"
                                                                     : "";
      });
  schema.field("score_lr_ratio", options.score_lr_ratio, kRatioHelp, recipe::above(0).to(1e6));
}

}  // namespace filigree::adapt
