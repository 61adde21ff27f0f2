// One of the scores of builtin.h.
#include "core/error.h"
#include "core/prune/scores/builtin.h"
#include "core/prune/scores/coefficients.h"

namespace filigree::prune {
namespace {

class L1 : public Score {
 public:
  recipe::ScoreTraits traits() const override {
    return {.name = "l1",
            .help = "a coefficient per head and neuron, trained with an l1 penalty",
            .of_entries = false,
            .reads_data = true};
  }

  Scores of_units(const std::vector<nn::StructureGroup*>& groups, const ScoreInput& input) const override {
    FG_CHECK(input.data, "the score 'l1' needs batches");
    return l1_scores(groups, *input.data);
  }
};

}  // namespace

ScorePtr l1_score() { return std::make_shared<L1>(); }

}  // namespace filigree::prune
