#pragma once
// The steps of a stage, as its recipe and the size of the training set determine them.
#include <cstdint>

#include "core/recipe/recipe.h"

namespace filigree::train {

/// Optimizer steps of a train section on a data set of `samples`.
int64_t stage_steps(const recipe::TrainConfig& config, int64_t samples);

/// Stage step before which round `round` (0-based) of a prune that is spread over a stage's training is done: rounds
/// are spaced evenly over the first three quarters of the steps, so that the last quarter trains the final shape.
int64_t round_step(const recipe::PruneConfig& config, int64_t round, int64_t total_steps);

}  // namespace filigree::train
