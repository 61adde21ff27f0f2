#include "core/adapt/methods/masks/smp.h"

#include <utility>

#include "core/adapt/methods/masks/entry_scores.h"
#include "core/adapt/methods/masks/level_method.h"
#include "core/adapt/methods/updates.h"
#include "core/recipe/schema.h"

namespace filigree::adapt {
namespace {

class Smp : public LevelMethod {
 public:
  explicit Smp(SmpOptions options)
      : LevelMethod({0.0, options.sparsity, 0.0, options.sparsity_hold}), options_(std::move(options)) {}
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
    const double kept = 1.0 - level(step);
    if (options_.allotment == Allotment::by_score)
      divide_by_score(model, kept, options_.temperature, step.tp);
    else
      set_mask_levels(model, 1.0 - kept);
    refresh_masks(model, step.tp);
  }

 private:
  SmpOptions options_;
};

}  // namespace

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

void add_smp(Registry& registry) {
  registry.add<SmpOptions, Smp>("smp", "train the scores of a mask over the frozen weights, and the task head");
}

}  // namespace filigree::adapt
