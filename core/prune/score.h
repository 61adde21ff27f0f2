#pragma once
// The scores of a prune: of all remaining heads and neurons, or of the entries of some linears (core/prune/scores).
//
// Global scope compares layers. Scores that are sums over weights are then divided by the root mean square of the layer's
// scores, because layers differ in scale for reasons other than importance.
#include <cstdint>
#include <optional>
#include <vector>

#include "core/nn/model.h"
#include "core/nn/weight_gradients.h"
#include "core/prune/plan.h"
#include "core/prune/scores/builtin.h"
#include "core/prune/scores/score.h"
#include "core/recipe/recipe.h"
#include "dist/communicator.h"

namespace filigree::prune {

struct ScoreRequest {
  ScorePtr score = magnitude_delta_score();
  bool heads = true;                                       ///< score the heads
  bool ffn = true;                                         ///< score the FFN neurons
  bool global = false;                                     ///< make layers comparable
  bool regrow = false;                                     ///< of entries: those under a mask have a score too
  uint64_t seed = 0;                                       ///< for random
  std::optional<nn::GradientBatches> data = std::nullopt;  ///< for scores that read data
};

/// What the prune section of a recipe requests, without data.
ScoreRequest request_of(const recipe::PruneConfig& config, const ScoreRegistry& scores, uint64_t seed);

/// Throws recipe::KeyError if the score is undefined for a requested group, or for a linear: delta without an adapter, a
/// linear whose method has a mask, regrow of frozen weights. Reads no values, so that a model of shapes alone can be
/// checked before training.
void check_scores(nn::Model& model, const ScoreRequest& request);
void check_scores(const std::vector<nn::Linear*>& linears, const ScoreRequest& request);

/// Scores of all remaining units, for make_plan; an empty list for groups that were not requested. Throws KeyError as
/// check_scores does. Each unit is on one rank of `tp`, which scores it; the scores are gathered, never the weights.
/// Collective.
Scores score_structures(nn::Model& model, const ScoreRequest& request, dist::Communicator& tp);

/// fp32 scores >= 0 of each linear's local entries. Throws KeyError as check_scores does. Collective for scores that read
/// data.
std::vector<at::Tensor> score_entries(const std::vector<nn::Linear*>& linears, const ScoreRequest& request);

}  // namespace filigree::prune
