// One of the scores of builtin.h.
#include <ATen/ops/add.h>

#include "core/prune/scores/builtin.h"
#include "core/prune/scores/weight_score.h"

namespace filigree::prune {
namespace {

class MagnitudeDelta : public WeightScore {
 public:
  recipe::ScoreTraits traits() const override {
    return {.name = "magnitude+delta", .help = "|W0| + |D|", .regrows = true, .scaled_by_layer = true};
  }

 protected:
  at::Tensor of(const EntryWeights& weights) const override {
    return weights.delta ? at::add(weights.base.abs(), weights.delta->abs()) : weights.base.abs();
  }
};

}  // namespace

ScorePtr magnitude_delta_score() { return std::make_shared<MagnitudeDelta>(); }

}  // namespace filigree::prune
