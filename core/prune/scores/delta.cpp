// One of the scores of builtin.h.
#include <ATen/ops/zeros_like.h>
#include <fmt/format.h>

#include "core/prune/scores/builtin.h"
#include "core/prune/scores/weight_score.h"
#include "core/recipe/key_error.h"

namespace filigree::prune {
namespace {

[[noreturn]] void refuse(const std::string& what) {
  throw recipe::KeyError("score",
                         fmt::format("'delta' is undefined for {}: no adapter is attached; use magnitude+delta, "
                                     "or extend the method's targets",
                                     what));
}

class Delta : public WeightScore {
 public:
  recipe::ScoreTraits traits() const override {
    return {.name = "delta", .help = "|D|, of linears with an update", .scaled_by_layer = true, .needs_update = true};
  }
  void check(const nn::StructureGroup& group) const override {
    for (const nn::StructureMember& member : group.members)
      if (member.linear->adapter()) return;
    refuse(fmt::format("the {}s of layer {}", nn::to_string(group.kind), group.layer));
  }
  void check(const nn::Linear& linear) const override {
    if (!linear.adapter()) refuse(fmt::format("'{}'", linear.name()));
  }

 protected:
  at::Tensor of(const EntryWeights& weights) const override {
    return weights.delta ? weights.delta->abs() : at::zeros_like(weights.base);
  }
};

}  // namespace

ScorePtr delta_score() { return std::make_shared<Delta>(); }

}  // namespace filigree::prune
