#pragma once
// Structured pruning is data -> scores -> a serializable plan -> one apply.
//
//   Scores scores = score_structures(model, {...}, mesh.tp());  // score.h: per group, one number per kept unit
//   PrunePlan plan = make_plan(model.structures(), scores, request);
//   std::vector<nn::Reslice> records = apply(model, plan);      // shrinks weights, biases, masks, adapters
//   optimizer.rebuild(model.parameters(), records);
//
// The same scores give the same plan on every rank: the units with the lowest scores are removed. Of equal scores, the
// one with the higher index is removed first (across layers: the deeper layer first, then the higher index).
#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/nn/model.h"

namespace filigree::prune {

/// What one group keeps, by original unit index (ascending), and the scores of its units for the report.
struct GroupPlan {
  nn::StructureKind kind = nn::StructureKind::head;
  int64_t layer = 0;
  int64_t total = 0;  ///< units before any prune
  std::vector<int64_t> kept;
  std::vector<double> scores;       ///< of the units that were candidates, in the order of `candidates`
  std::vector<int64_t> candidates;  ///< original indices; empty for a group that was not scored
};

struct PrunePlan {
  std::string score;  ///< name of the score: "magnitude+delta", ...
  std::string scope;  ///< "layer" | "global"
  std::vector<GroupPlan> groups;
  uint64_t hash() const;  ///< of what is kept; compared across ranks before the plan is applied
  bool removes_units() const;
};

nlohmann::json to_json(const PrunePlan& plan);
PrunePlan plan_from_json(const nlohmann::json& json);  ///< throws DataError if malformed
std::string to_text(const PrunePlan& plan);            ///< a table for the log

/// scores[g][i] is for unit structures[g].kept[i]. scores[g] may be empty if the share of the group's kind is 0.
using Scores = std::vector<std::vector<double>>;

/// A share s of n original units means floor(s n + 0.5) of them, including those removed earlier. n counts
/// one layer or, with `global`, all layers of the kind together. At least one unit of each layer stays.
struct PruneRequest {
  double heads = 0;  ///< total share of the ORIGINAL units removed after this plan
  double ffn = 0;
  bool global = false;  ///< rank all layers together, instead of the same share in each
  std::string score_name;
  std::optional<double> below =
      std::nullopt;  ///< remove the scored units with at most this score; the shares are not used
};
PrunePlan make_plan(const std::vector<nn::StructureGroup>& structures, const Scores& scores,
                    const PruneRequest& request);

/// Shrinks the groups' linears and everything attached to them. Throws DataError, before any change, if the
/// plan does not fit this model. Groups that the plan does not contain stay unchanged.
std::vector<nn::Reslice> apply(nn::Model& model, const PrunePlan& plan);

}  // namespace filigree::prune
