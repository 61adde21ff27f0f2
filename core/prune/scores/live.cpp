// One of the scores of builtin.h.
#include "core/prune/scores/builtin.h"
#include "core/prune/scores/by_unit.h"

namespace filigree::prune {
namespace {

/// Of the merged weight, so that a unit with the score 0 adds nothing.
class Live : public Score {
 public:
  recipe::ScoreTraits traits() const override {
    return {.name = "live", .help = "the number of nonzero entries of the unit's output matrix", .of_entries = false};
  }

  Scores of_units(const std::vector<nn::StructureGroup*>& groups, const ScoreInput&) const override {
    Scores scores;
    for (const nn::StructureGroup* group : groups)
      scores.push_back(to_vector(by_unit(output_linear(*group).merged_weight().ne(0), 1, group->unit)));
    return scores;
  }
};

}  // namespace

ScorePtr live_score() { return std::make_shared<Live>(); }

}  // namespace filigree::prune
