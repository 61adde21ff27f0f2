#pragma once
// Memory per rank and bytes per step of a recipe's stages, before any machine is booked: counted from the parameter
// table with the stage's method attached, on one process, for any number of ranks.
//
//   weights      every parameter in its own type (frozen ones in the compute type, trainable ones fp32)
//   gradients    4 bytes a trainable parameter
//   optimizer    8 bytes a trainable parameter (two moments)
//   activations  what a step's forward and backward pass take at their fullest moment (activations.h), for the rank's
//                share with the most tokens of the stage's batch with the most tokens (workload.h)
//   comm         handed to the communicators by one rank in a step, by axis and purpose (comm_bytes.h), on average
//
// The rank looked at is the last one of its tensor-parallel group: no other one holds more. Stages after a prune are
// counted as if nothing had been pruned.
#include <cstdint>
#include <string>
#include <vector>

#include "core/parallel/comm_bytes.h"
#include "core/recipe/recipe.h"
#include "core/run/session.h"

namespace filigree::train {

struct StageForecast {
  std::string stage;
  int64_t trainable = 0, total = 0;
  uint64_t weights = 0, gradients = 0, optimizer = 0, activations = 0;  ///< bytes a rank
  double tokens = 0;                                                    ///< that `activations` is for
  CommBytes comm;                                                       ///< bytes a rank and step
  uint64_t full_comm_bytes_per_step = 0;                                ///< if every parameter were trained
  uint64_t memory() const { return weights + gradients + optimizer + activations; }
};

struct Forecast {
  bool lengths_known = false;  ///< whether the training set could be read; else all samples have data.max_length tokens
  std::vector<StageForecast> stages;  ///< those that train
};

/// tensor: ranks that share one copy of the model. UsageError when `ranks` does not fit.
Forecast forecast(const recipe::Recipe& recipe, const Plugins& plugins, int64_t ranks, int64_t tensor);

}  // namespace filigree::train
