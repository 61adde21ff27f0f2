// One of the scores of builtin.h.
#include <algorithm>

#include "core/error.h"
#include "core/prune/scores/builtin.h"
#include "core/prune/scores/by_unit.h"
#include "core/prune/scores/taylor_importance.h"

namespace filigree::prune {
namespace {

std::vector<nn::Linear*> linears_of(const std::vector<nn::StructureGroup*>& groups) {
  std::vector<nn::Linear*> linears;
  for (const nn::StructureGroup* group : groups)
    for (const nn::StructureMember& member : group->members)
      if (std::ranges::find(linears, member.linear) == linears.end()) linears.push_back(member.linear);
  return linears;
}

/// A unit's score sums over all its members, with their biases: what would be removed.
class Taylor : public Score {
 public:
  recipe::ScoreTraits traits() const override {
    return {.name = "taylor", .help = "sum over batches of |gradient * weight|", .reads_data = true};
  }

  Scores of_units(const std::vector<nn::StructureGroup*>& groups, const ScoreInput& input) const override {
    FG_CHECK(input.data, "the score 'taylor' needs batches");
    const std::vector<nn::Linear*> linears = linears_of(groups);
    const std::vector<Importance> importance = taylor_importance(linears, *input.data);
    Scores scores;
    for (const nn::StructureGroup* group : groups) {
      at::Tensor sum;
      for (const nn::StructureMember& member : group->members) {
        const auto place = std::ranges::find(linears, member.linear) - linears.begin();
        const Importance& of = importance[static_cast<size_t>(place)];
        at::Tensor part = by_unit(of.weight, member.dim, group->unit);
        if (member.dim == 0 && of.bias.defined()) part = part.add(by_unit(of.bias, 0, group->unit));
        sum = sum.defined() ? sum.add_(part) : part;
      }
      scores.push_back(to_vector(sum));
    }
    return scores;
  }

  std::vector<at::Tensor> of_entries(const std::vector<nn::Linear*>& linears, const ScoreInput& input) const override {
    FG_CHECK(input.data, "the score 'taylor' needs batches");
    std::vector<at::Tensor> scores;
    for (const Importance& importance : taylor_importance(linears, *input.data)) scores.push_back(importance.weight);
    return scores;
  }
};

}  // namespace

ScorePtr taylor_score() { return std::make_shared<Taylor>(); }

}  // namespace filigree::prune
