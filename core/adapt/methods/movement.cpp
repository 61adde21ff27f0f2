#include "core/adapt/methods/movement.h"

#include <memory>
#include <utility>

#include "core/adapt/learned_mask.h"
#include "core/adapt/methods/targets.h"
#include "core/adapt/methods/threshold_options.h"
#include "core/adapt/methods/updates.h"
#include "core/adapt/methods/whole.h"
#include "core/adapt/schedule.h"
#include "core/adapt/score_training.h"
#include "core/recipe/schema.h"

namespace filigree::adapt {
namespace {

/// Gives the targets a mask with a trained score per entry, whose learning rate is `ratio` times that of the recipe.
void add_scores(nn::Model& model, const std::vector<nn::Linear*>& linears, double first,
                double ratio, MaskRule rule) {
  for (nn::Linear* linear : linears) {
    refuse_masked(*linear);
    auto scores = std::make_unique<EntryScores>(model.parameters(), *linear, first);
    scores->parameters().front()->lr_scale = ratio;
    add_learned_mask(model.parameters(), *linear, std::move(scores), rule);
  }
}

class Movement : public Method {
 public:
  explicit Movement(MovementOptions options) : options_(std::move(options)) {}
  std::string name() const override { return "movement"; }

  void attach(nn::Model& model, const AttachContext&) override {
    train_all(model, options_.freeze);
    add_scores(model, free_linears(model, options_.targets, false), 0.0, options_.score_lr_ratio,
               MaskRule::share);
  }

  void refresh(nn::Model& model, const Step& step) override {
    if (step.attached) set_mask_levels(model, share(step));
    refresh_masks(model, step.tp);
  }

  bool counts_for_best(const Step& step) const override { return !step.attached || share(step) == options_.sparsity; }

 private:
  double share(const Step& step) const {
    return cubic(step.step, step.steps, {options_.initial_sparsity, options_.sparsity, options_.sparsity_warmup,
                                         options_.sparsity_hold});
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

class Smp : public Method {
 public:
  explicit Smp(SmpOptions options) : options_(std::move(options)) {}
  std::string name() const override { return "smp"; }

  void attach(nn::Model& model, const AttachContext&) override {
    const std::vector<nn::Linear*> linears = free_linears(model, options_.targets, options_.train_head);
    add_scores(model, linears, 0.0, 1.0, MaskRule::share);
    freeze_rest(model, linears, options_.train_head);
  }

  void after_backward(nn::Model& model, const Step& step) override {
    const double grown = step.attached ? cubic(step.step, step.steps, {0.0, 1.0, 0.0, 0.0}) : 1.0;
    penalize_scores(model, options_.penalty * grown * step.losses);
  }

  void refresh(nn::Model& model, const Step& step) override {
    const double kept = 1.0 - (step.attached ? share(step) : options_.sparsity);
    if (options_.allotment == Allotment::by_score)
      divide_by_score(model, kept, options_.temperature, step.tp);
    else
      set_mask_levels(model, 1.0 - kept);
    refresh_masks(model, step.tp);
  }

  bool counts_for_best(const Step& step) const override { return !step.attached || share(step) == options_.sparsity; }

 private:
  double share(const Step& step) const {
    return cubic(step.step, step.steps, {0.0, options_.sparsity, 0.0, options_.sparsity_hold});
  }
  SmpOptions options_;
};

constexpr const char* kMaskedHelp =
    "linears that get a learned mask, by the last words of their names; '*' stands for one word; empty: all in the "
    "encoder";
}  // namespace

void MovementOptions::describe(recipe::Schema& schema) {
  schema.field("sparsity", sparsity, "share of each target's entries that are 0 at the end", recipe::above(0).below(1));
  schema.field("initial_sparsity", initial_sparsity, "share of zeros at first", recipe::from(0).below(1))
      .rule("initial_sparsity is at most sparsity",
            [this] { return initial_sparsity > sparsity ? "is greater than sparsity" : ""; });
  schema.field("sparsity_warmup", sparsity_warmup, "share of the steps before the share of zeros grows",
               recipe::from(0).to(1));
  schema.field("sparsity_hold", sparsity_hold, "share of the steps at the end that train at the final sparsity",
               recipe::from(0).to(1))
      .rule("sparsity_warmup and sparsity_hold are at most 1 together",
            [this] { return sparsity_warmup + sparsity_hold > 1 ? "and sparsity_warmup are more than 1 together" : ""; });
  schema.field("score_lr_ratio", score_lr_ratio, kRatioHelp, recipe::above(0).to(1e6));
  schema.field("targets", targets, kMaskedHelp).patterns();
  schema.field("freeze", freeze, kFreezeHelp).patterns();
}

void SoftMovementOptions::describe(recipe::Schema& schema) {
  describe_thresholds(schema, *this);
  schema.field("targets", targets, kMaskedHelp).patterns();
  schema.field("freeze", freeze, kFreezeHelp).patterns();
}

void SmpOptions::describe(recipe::Schema& schema) {
  schema.field("sparsity", sparsity, "share of the targets' entries that are 0 at the end", recipe::above(0).below(1));
  schema.field("sparsity_hold", sparsity_hold, "share of the steps at the end that train at the final sparsity",
               recipe::from(0).to(1));
  schema.field("penalty", penalty, "factor of the mean sigmoid of the scores in the loss, at the end",
               recipe::from(0).to(1e9));
  schema.field("allotment", allotment,
               "uniform: the same share of zeros in each matrix; by_score: more where the scores are low");
  schema.field("temperature", temperature, "of the scores that divide the entries that stay", recipe::above(0).to(1e6))
      .only("allotment", "is by_score", [this] { return allotment == Allotment::by_score; });
  schema.field("targets", targets, kMaskedHelp).patterns();
  schema.field("train_head", train_head, kHeadHelp);
}

void add_movement(Registry& registry) {
  registry.add<MovementOptions, Movement>("movement", "train all parameters and the scores of a mask that grows");
  registry.add<SoftMovementOptions, SoftMovement>("soft_movement",
                                                  "train all parameters and the scores of a mask by a threshold");
  registry.add<SmpOptions, Smp>("smp", "train the scores of a mask over the frozen weights, and the task head");
}

}  // namespace filigree::adapt
