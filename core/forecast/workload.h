#pragma once
// How much a rank processes per step of a stage, from the lengths of the training samples and the sampler's batches.
#include <optional>
#include <string>
#include <vector>

#include "core/data/format.h"
#include "core/forecast/activations.h"
#include "core/recipe/recipe.h"

namespace filigree::train {

/// What is known from the training set before training.
struct TrainingSet {
  std::vector<int64_t> lengths;     ///< tokens of each sample
  double predicted = 0;             ///< share of the tokens that get a loss, in language modeling
  std::vector<std::string> labels;  ///< names by class number
};
/// Nothing if the data or the tokenizer cannot be read.
std::optional<TrainingSet> read_training_set(const recipe::Recipe& recipe, const data::FormatRegistry& formats);

struct Workload {
  MicroBatch mean;     ///< of rank 0's share of a batch, all its micro-batches; of any rank's if no lengths are known
  MicroBatch fullest;  ///< the micro-batch with the most tokens in the stage's batch with the most tokens
};

/// data: number of data-parallel ranks. Without a training set, every sample counts as data.max_length tokens.
Workload workload(const recipe::Recipe& recipe, size_t stage, int64_t data, const std::optional<TrainingSet>& set);

}  // namespace filigree::train
