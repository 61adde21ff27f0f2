#pragma once
// How much a rank works on in a step of a stage, from the lengths of the training samples and the sampler's batches.
#include <optional>
#include <string>
#include <vector>

#include "core/forecast/activations.h"
#include "core/recipe/recipe.h"

namespace filigree::train {

/// What the training set says before anything is trained.
struct TrainingSet {
  std::vector<int64_t> lengths;     ///< tokens of each sample
  double predicted = 0;             ///< share of the tokens that get a loss, in masked LM
  std::vector<std::string> labels;  ///< names by class number
};
/// Nothing when the data or the tokenizer cannot be read.
std::optional<TrainingSet> read_training_set(const recipe::Recipe& recipe);

struct Workload {
  MicroBatch mean;     ///< of a rank's share of a batch
  MicroBatch fullest;  ///< the micro-batch of a rank with the most tokens, over all steps of the stage
};

/// data: ranks with different samples. Without a training set every sample is taken to have data.max_length tokens.
Workload workload(const recipe::Recipe& recipe, size_t stage, int64_t data, const std::optional<TrainingSet>& set);

}  // namespace filigree::train
