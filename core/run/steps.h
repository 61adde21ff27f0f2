#pragma once
// The steps of a stage, determined by its recipe and the size of the training set.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/adapt/method.h"
#include "core/recipe/recipe.h"

namespace filigree::train {

/// Optimizer steps of a train section on a data set with `samples` samples.
int64_t stage_steps(const recipe::TrainConfig& config, int64_t samples);

/// Steps of the linear warm-up of a stage that has `total` steps.
int64_t warmup_steps(const recipe::TrainConfig& config, int64_t total);

/// One line for each stage, from index `first` on, whose learning rate never reaches its peak, because the warm-up is as
/// long as the stage. samples: of the training set; if unknown, stages given in epochs are skipped.
std::vector<std::string> warmup_warnings(const recipe::Recipe& recipe, std::optional<int64_t> samples,
                                         int64_t first = 0);

/// UsageError with a line for each step that its stage does not have: of a rewind, or one at which a method reads gradients.
/// samples: as above.
void check_steps(const recipe::Recipe& recipe, const adapt::Registry& methods, std::optional<int64_t> samples);

/// Stage step before which round `round` (0-based) of a gradual prune takes place. Rounds are spaced evenly
/// over the first three quarters of the stage's steps, so that the last quarter trains the final shape.
int64_t round_step(const recipe::PruneConfig& config, int64_t round, int64_t total_steps);

/// Samples per batch for the scores that read data, in the prune section of stage `stage` (an index):
/// prune.batch_size; if that is 0, the batch size of the latest stage up to this one that trains, else of the next one,
/// else 32.
int64_t scoring_batch_size(const recipe::Recipe& recipe, int64_t stage);

}  // namespace filigree::train
