#pragma once
// Evaluation distributed over the data-parallel ranks; each sample is counted exactly once.
#include <map>
#include <string>

#include "core/data/dataset.h"
#include "core/error.h"
#include "core/nn/model.h"
#include "dist/communicator.h"

namespace filigree::train {

/// The loss of a split is not finite.
struct LossError : DataError {
  using DataError::DataError;
};

/// It is not finite for any sample: what the weights hold is not worth keeping.
struct DivergedError : LossError {
  using LossError::LossError;
};

struct EvalResult {
  int64_t samples = 0;
  double loss = 0;                        ///< mean over samples (over predicted tokens in language modeling)
  std::map<std::string, double> metrics;  ///< "accuracy", "mcc", ...; causal LM: "perplexity"
};

struct EvalOptions {
  int64_t batch_size = 64;  ///< samples per forward pass
  at::ScalarType compute = at::kFloat;
  bool joins_collectives = false;  ///< all ranks run the same number of passes, because each pass gathers the weights
};

/// Collective over `dp`. Computes the metrics that the data set names. DataError, on every rank alike, if no token has a
/// loss, LossError if the loss is not finite (the message names samples; DivergedError if it is finite for none).
EvalResult evaluate(nn::Model& model, const data::Dataset& dataset, const EvalOptions& options, dist::Communicator& dp);

/// Logits of every sample, fp32 [size, labels] on the CPU, on every rank. Collective.
at::Tensor all_logits(nn::Model& model, const data::Dataset& dataset, const EvalOptions& options,
                      dist::Communicator& dp);

}  // namespace filigree::train
