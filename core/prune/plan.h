#pragma once
// Structured pruning is data -> scores -> a serialisable plan -> one apply.
//
//   Scores scores = score_structures(model, {...});             // score.h: per group, one number per kept unit
//   PrunePlan plan = make_plan(model.structures(), scores, request);
//   std::vector<nn::Recut> records = apply(model, plan);      // shrinks weights, biases, masks, adapters
//   optimizer.rebuild(model.parameters(), records);
//
// The same scores give the same plan on every rank: the units with the lowest scores go, and of equal scores the one
// with the higher number goes first (over several layers: the one of the deeper layer, then the higher number).
#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <string>
#include <vector>

#include "core/nn/model.h"

namespace filigree::prune {

/// What one group keeps, by original unit numbers (ascending), and the scores of its units for the report.
struct GroupPlan {
  nn::StructureKind kind = nn::StructureKind::head;
  int64_t layer = 0;
  int64_t total = 0;  ///< units before any prune
  std::vector<int64_t> kept;
  std::vector<double> scores;       ///< of the units that were candidates, in the order of `candidates`
  std::vector<int64_t> candidates;  ///< original numbers; empty for a group that nothing was asked of
};

struct PrunePlan {
  std::string score;  ///< how it was scored: "magnitude+delta", ...
  std::string scope;  ///< "layer" | "global"
  std::vector<GroupPlan> groups;
  uint64_t hash() const;  ///< over what is kept; compared across ranks before the plan is applied
};

nlohmann::json to_json(const PrunePlan& plan);
PrunePlan plan_from_json(const nlohmann::json& json);  ///< DataError when it does not fit
std::string to_text(const PrunePlan& plan);            ///< a table for the log

/// scores[g][i]: of unit structures[g].kept[i]. May be empty for a group of a kind whose share is 0.
using Scores = std::vector<std::vector<double>>;

/// A share s of n original units means floor(s n + 0.5) of them, those that went before included; n is one layer's, or
/// with `global` that of all layers of the kind together. At least one unit of each layer stays.
struct PruneRequest {
  double heads = 0;  ///< share of the ORIGINAL units to have removed after this plan
  double ffn = 0;
  bool global = false;  ///< over all layers together instead of the same share in each
  std::string score_name;
};
PrunePlan make_plan(const std::vector<nn::StructureGroup>& structures, const Scores& scores,
                    const PruneRequest& request);

/// Shrinks everything that hangs on the groups' linears. Throws DataError, having changed nothing, when the plan is not
/// of this model. Groups that the plan does not name stay as they are.
std::vector<nn::Recut> apply(nn::Model& model, const PrunePlan& plan);

}  // namespace filigree::prune
