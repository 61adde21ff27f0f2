#include "core/adapt/methods/masks/movement.h"

#include <utility>

#include "core/adapt/methods/masks/entry_scores.h"
#include "core/adapt/methods/masks/level_method.h"
#include "core/adapt/methods/updates.h"
#include "core/adapt/methods/whole.h"
#include "core/recipe/schema.h"

namespace filigree::adapt {
namespace {

class Movement : public LevelMethod {
 public:
  explicit Movement(MovementOptions options) : LevelMethod(sparsity_curve(options)), options_(std::move(options)) {}
  std::string name() const override { return "movement"; }

  void attach(nn::Model& model, const AttachContext&) override {
    train_all(model, options_.freeze);
    add_scores(model, free_linears(model, options_.targets, false), 0.0, options_.score_lr_ratio, MaskRule::share);
  }

 private:
  MovementOptions options_;
};

class SoftMovement : public ThresholdMethod {
 public:
  explicit SoftMovement(SoftMovementOptions options)
      : ThresholdMethod(threshold_curve(options), options.penalty), options_(std::move(options)) {}
  std::string name() const override { return "soft_movement"; }

  void attach(nn::Model& model, const AttachContext&) override {
    train_all(model, options_.freeze);
    add_scores(model, free_linears(model, options_.targets, false), kFirstSoftScore, options_.score_lr_ratio,
               MaskRule::threshold);
  }

 private:
  SoftMovementOptions options_;
};

}  // namespace

void MovementOptions::describe(recipe::Schema& schema) {
  describe_sparsity(schema, *this);
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
