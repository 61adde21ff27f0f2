// One of the scores of builtin.h.
#include <ATen/ops/add.h>

#include "core/prune/scores/builtin.h"
#include "core/prune/scores/weight_score.h"

namespace filigree::prune {
namespace {

class Merged : public WeightScore {
 public:
  recipe::ScoreTraits traits() const override {
    return {.name = "merged", .help = "|W0 + D|", .regrows = true, .scaled_by_layer = true};
  }

 protected:
  at::Tensor of(const EntryWeights& weights) const override {
    return weights.delta ? at::add(weights.base, *weights.delta).abs_() : weights.base.abs();
  }
};

}  // namespace

ScorePtr merged_score() { return std::make_shared<Merged>(); }

}  // namespace filigree::prune
