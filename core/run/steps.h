#pragma once
// The steps of a stage, determined by its recipe and the size of the training set.
#include <cstdint>

#include "core/recipe/recipe.h"

namespace filigree::train {

/// Optimizer steps of a train section on a data set with `samples` samples.
int64_t stage_steps(const recipe::TrainConfig& config, int64_t samples);

/// Stage step before which round `round` (0-based) of a gradual prune takes place. Rounds are spaced evenly
/// over the first three quarters of the stage's steps, so that the last quarter trains the final shape.
int64_t round_step(const recipe::PruneConfig& config, int64_t round, int64_t total_steps);

/// Samples per batch for the scores that read data, in the prune section of stage `stage` (an index):
/// prune.batch_size; if that is 0, the batch size of the latest stage up to this one that trains, else of the next one,
/// else 32.
int64_t scoring_batch_size(const recipe::Recipe& recipe, int64_t stage);

}  // namespace filigree::train
