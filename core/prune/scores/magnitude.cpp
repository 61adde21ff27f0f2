// One of the scores of builtin.h.
#include "core/prune/scores/builtin.h"
#include "core/prune/scores/weight_score.h"

namespace filigree::prune {
namespace {

class Magnitude : public WeightScore {
 public:
  recipe::ScoreTraits traits() const override {
    return {.name = "magnitude", .help = "|W0|", .regrows = true, .scaled_by_layer = true};
  }

 protected:
  at::Tensor of(const EntryWeights& weights) const override { return weights.base.abs(); }
};

}  // namespace

ScorePtr magnitude_score() { return std::make_shared<Magnitude>(); }

}  // namespace filigree::prune
