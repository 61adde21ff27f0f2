#pragma once
// The importance of a head, a neuron or a single weight. With W0 the base weight (masked, if it has a mask)
// and D the adapter's delta() (0 without one), the score of a matrix entry is
//
//   magnitude |W0|   delta |D|   magnitude+delta |W0| + |D|   merged |W0 + D|   random: uniform, by name and index
// With a mask or a transform that covers the update, mask * (W0 + D) or T(W0 + D) stands for W0 and for W0 + D.
//
//   taylor    sum over batches of |g w|, w = W0 + D, g = the gradient of one global batch's mean loss   (taylor.h)
//   l1        not per entry: each unit gets a coefficient, trained with an l1 penalty (coefficients.h)
//   gates     not per entry: the gate of each unit, signed, as the method `gates` has trained it (core/nn/column_gates.h)
//   live      not per entry: the number of entries of the unit's output matrix that are not 0 in T(W0 + D); 0: it adds nothing
//
// A unit's score is the sum over its slices of these matrices (weights only; taylor also counts the biases):
//   head     query and value, as in DSEE's structured step, and any other member that has an adapter
//   neuron   its row of FFN-in and its column of FFN-out
//   taylor   all members: what would be removed
// DSEE's released code leaves D unscaled in these sums; here D is the one effective delta everywhere.
//
// Global scope compares layers. Scores computed from weights are then divided by the root mean square of the layer's
// scores, because layers differ in scale for reasons other than importance. taylor, l1, gates, live and random are not scaled.
#include <optional>
#include <string>
#include <vector>

#include "core/nn/weight_gradients.h"
#include "core/prune/plan.h"
#include "core/recipe/choices.h"
#include "core/recipe/recipe.h"

namespace filigree::dist {
class Communicator;
}

namespace filigree::prune {

using recipe::PruneScore;
bool reads_data(PruneScore kind);  ///< l1 and taylor

struct ScoreRequest {
  PruneScore kind = PruneScore::magnitude_delta;
  bool heads = true;                                       ///< score the heads
  bool ffn = true;                                         ///< score the FFN neurons
  bool global = false;                                     ///< make layers comparable
  bool regrow = false;                                     ///< of entries: those under a mask have a score too
  uint64_t seed = 0;                                       ///< for random
  std::optional<nn::GradientBatches> data = std::nullopt;  ///< for l1 and taylor
};

/// What the prune section of a recipe requests, without data.
ScoreRequest request_of(const recipe::PruneConfig& config, uint64_t seed);

/// Throws UsageError if the score is undefined for a requested group, or for a linear: delta without an adapter, l1 of
/// single entries, regrow of frozen weights. Reads no values, so that a model of shapes alone can be checked before training.
void check_scores(nn::Model& model, const ScoreRequest& request);
void check_scores(const std::vector<nn::Linear*>& linears, const ScoreRequest& request);

/// Scores of all remaining units, for make_plan; an empty list for groups that were not requested. Throws UsageError if
/// the score is undefined for a group (delta without an adapter). Each unit is on one rank of `tp`, which scores it; the
/// scores are gathered, never the weights. Collective.
Scores score_structures(nn::Model& model, const ScoreRequest& request, dist::Communicator& tp);

/// fp32 scores >= 0 of each linear's local entries. Throws UsageError for l1. Collective for taylor.
std::vector<at::Tensor> score_entries(const std::vector<nn::Linear*>& linears, const ScoreRequest& request);

}  // namespace filigree::prune
