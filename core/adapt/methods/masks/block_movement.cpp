#include "core/adapt/methods/masks/block_movement.h"

#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <memory>
#include <utility>

#include "core/adapt/learned_mask.h"
#include "core/adapt/methods/masks/level_method.h"
#include "core/adapt/methods/updates.h"
#include "core/adapt/methods/whole.h"
#include "core/recipe/key_error.h"
#include "core/recipe/schema.h"

namespace filigree::adapt {
namespace {

void check_block(const nn::StructureGroup& group, int64_t block) {
  for (const nn::StructureMember& member : group.members) {
    const int64_t width = member.dim == 0 ? member.linear->in_features() : member.linear->out_features();
    if (group.unit % block != 0 || width % block != 0)
      throw recipe::KeyError("block", fmt::format("{} does not divide the head size, {}, and the width, {}, of '{}'",
                                                  block, group.unit, width, member.linear->name()));
  }
}

class BlockMovement : public ThresholdMethod {
 public:
  explicit BlockMovement(BlockMovementOptions options)
      : ThresholdMethod(threshold_curve(options), options.penalty), options_(std::move(options)) {}
  std::string name() const override { return "block_movement"; }

  void attach(nn::Model& model, const AttachContext&) override {
    train_all(model, options_.freeze);
    for (const nn::StructureGroup& group : model.structures()) {
      for (const nn::StructureMember& member : group.members) refuse_masked(*member.linear);
      if (group.kind == nn::StructureKind::head)
        add_blocks(model, group);
      else
        add_neurons(model, group);
    }
  }

  void detach(nn::Model& model) override {
    const at::NoGradGuard no_grad;
    for (nn::Linear* linear : model.linears())
      if (learned_mask(*linear)) linear->weight()->value().copy_(linear->merged_weight());
    for (nn::Linear* linear : model.linears())
      if (learned_mask(*linear)) remove_learned_mask(model.parameters(), *linear);
  }

 private:
  void add_blocks(nn::Model& model, const nn::StructureGroup& group) const {
    check_block(group, options_.block);
    for (const nn::StructureMember& member : group.members)
      add_mask(model, *member.linear,
               std::make_unique<BlockScores>(model.parameters(), *member.linear, options_.block, kFirstSoftScore));
  }

  /// The second matrix uses the scores of the first.
  void add_neurons(nn::Model& model, const nn::StructureGroup& group) const {
    nn::ParameterPtr scores;
    for (const int64_t dim : {0, 1})
      for (const nn::StructureMember& member : group.members) {
        if (member.dim != dim) continue;
        if (!scores) scores = LineScores::add(model.parameters(), *member.linear, dim, kFirstSoftScore);
        add_mask(model, *member.linear, std::make_unique<LineScores>(scores, dim));
      }
  }

  void add_mask(nn::Model& model, nn::Linear& linear, std::unique_ptr<MaskScores> scores) const {
    scores->parameters().front()->lr_scale = options_.score_lr_ratio;
    add_learned_mask(model.parameters(), linear, std::move(scores), MaskRule::threshold);
  }

  BlockMovementOptions options_;
};

}  // namespace

void BlockMovementOptions::describe(recipe::Schema& schema) {
  schema.field("block", block, "rows and columns of a block of an attention matrix; divides the head size",
               recipe::from(1).to(1024));
  describe_thresholds(schema, *this);
  schema.field("freeze", freeze, kFreezeHelp).patterns();
}

void add_block_movement(Registry& registry) {
  registry.add<BlockMovementOptions, BlockMovement>(
      "block_movement", "train all parameters and the scores of masks over blocks and neurons");
}

}  // namespace filigree::adapt
