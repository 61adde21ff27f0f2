#include "core/adapt/methods/child_tuning.h"

#include <ATen/core/grad_mode.h>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/adapt/fisher.h"
#include "core/adapt/methods/whole.h"
#include "core/adapt/update_masks.h"
#include "core/random.h"
#include "core/recipe/key_error.h"
#include "core/recipe/schema.h"

namespace filigree::adapt {
namespace {

class ChildTuning : public Method {
 public:
  explicit ChildTuning(ChildTuningOptions options) : options_(std::move(options)) {}
  std::string name() const override { return "child_tuning"; }

  void attach(nn::Model& model, const AttachContext& context) override {
    seed_ = context.seed;
    train_all(model, options_.freeze);
    const nn::Role role = options_.variant == ChildVariant::d ? nn::Role::buffer : nn::Role::derived;
    masks_ = add_update_masks(model, trained_in_layers(model), role);
  }

  void check(nn::Model& model) override {
    if (masks_.empty())
      throw recipe::KeyError(
          "freeze",
          fmt::format("leaves no layer of this {} model to train, so that child_tuning has no entries to choose; "
                      "freeze less, or use another method, such as full",
                      model.family()));
  }

  int64_t gradient_batches(const Step& step) const override {
    const bool chooses = options_.variant == ChildVariant::d && step.attached && step.step == 0;
    return chooses ? options_.batches : 0;
  }

  void read_gradients(nn::Model&, const Step& step, const nn::GradientBatches& data) override {
    set_masks(masks_, kept_by_fisher(masks_, {options_.share, options_.fisher_clip}, data, step.tp));
  }

  void before_update(nn::Model&, const Step& step) override {
    if (options_.variant == ChildVariant::f)
      draw_masks(masks_, random::stream(seed_, "child", step.step), options_.share);
    mask_gradients(masks_, options_.variant == ChildVariant::f ? 1.0 / options_.share : 1.0);
  }

  std::vector<nn::EntryMask> moving(nn::Model&, const Step&) const override {
    return options_.unselected == Unselected::stay ? entry_masks(masks_) : std::vector<nn::EntryMask>{};
  }

  void detach(nn::Model& model) override { remove_update_masks(model, masks_); }

 private:
  ChildTuningOptions options_;
  uint64_t seed_ = 0;
  std::vector<UpdateMask> masks_;
};

}  // namespace

void ChildTuningOptions::describe(recipe::Schema& schema) {
  schema.field("variant", variant, "d: entries with the largest Fisher information; f: entries drawn in each step");
  schema.field("share", share, "share of the layers' entries that are updated", recipe::above(0).to(1));
  schema.field("batches", batches, "batches whose gradients give the Fisher information", recipe::from(1).to(1e9))
      .only("variant", "is d", [this] { return variant == ChildVariant::d; });
  schema
      .field("fisher_clip", fisher_clip, "largest norm of each parameter's gradient in the Fisher information; 0: any",
             recipe::from(0).to(1e9))
      .only("variant", "is d", [this] { return variant == ChildVariant::d; });
  schema.field("unselected", unselected,
               "what entries without a gradient do: drift with the moments and the weight decay, or stay");
  schema.field("freeze", freeze, "parts of the model to keep frozen, by words in parameter names, such as embeddings")
      .patterns();
}

void add_child_tuning(Registry& registry) {
  registry.add<ChildTuningOptions, ChildTuning>("child_tuning",
                                                "train all parameters; update a share of the layers' entries");
}

}  // namespace filigree::adapt
