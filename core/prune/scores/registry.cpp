// Score and ScoreRegistry of score.h.
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/prune/scores/builtin.h"
#include "core/prune/scores/score.h"

namespace filigree::prune {

Scores Score::of_units(const std::vector<nn::StructureGroup*>&, const ScoreInput&) const {
  throw InternalError(fmt::format("the score '{}' is not one of heads and neurons", traits().name));
}

std::vector<at::Tensor> Score::of_entries(const std::vector<nn::Linear*>&, const ScoreInput&) const {
  throw InternalError(fmt::format("the score '{}' is not one of entries", traits().name));
}

void ScoreRegistry::add(ScorePtr score) { scores_.push_back(std::move(score)); }

ScorePtr ScoreRegistry::at(const std::string& name) const {
  const auto found = std::ranges::find_if(scores_, [&](const ScorePtr& score) { return score->traits().name == name; });
  if (found != scores_.end()) return *found;
  std::vector<std::string> known;
  for (const ScorePtr& score : scores_) known.push_back(score->traits().name);
  throw UsageError(fmt::format("score: unknown score '{}'; use one of {}", name, fmt::join(known, ", ")));
}

std::vector<recipe::ScoreTraits> ScoreRegistry::traits() const {
  std::vector<recipe::ScoreTraits> all;
  for (const ScorePtr& score : scores_) all.push_back(score->traits());
  return all;
}

ScoreRegistry builtin_scores() {
  ScoreRegistry registry;
  registry.add(magnitude_score());
  registry.add(delta_score());
  registry.add(magnitude_delta_score());
  registry.add(merged_score());
  registry.add(l1_score());
  registry.add(taylor_score());
  registry.add(gates_score());
  registry.add(live_score());
  registry.add(random_score());
  return registry;
}

}  // namespace filigree::prune
