#pragma once
// Estimates memory per rank and bytes per step of a recipe's stages without starting a job: counted from the parameter
// table with the stage's method attached, in one process, for any number of ranks.
//
//   weights      every weight in its own type (frozen ones in the compute type, trainable ones fp32)
//   buffers      what else the parameter table holds: the positions of S2, which are integers and not trainable
//   gradients    4 bytes per trainable parameter
//   optimizer    8 bytes per trainable parameter (two moments)
//   activations  peak of a step's forward and backward pass (activations.h), for the rank's share with the most tokens
//                of the stage's batch with the most tokens (workload.h)
//   comm         average bytes per step that rank 0 hands to the communicators, by axis and purpose (comm_bytes.h,
//                step_comm.h, frozen_gathers.h), as metrics.jsonl has them
//
// Memory is that of the last rank of a tensor-parallel group: no other rank holds more. Stages after a prune are
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
  uint64_t weights = 0, buffers = 0, gradients = 0, optimizer = 0, activations = 0;  ///< bytes of the fullest rank
  double tokens = 0;                      ///< tokens that `activations` is for
  CommBytes comm;                         ///< bytes per step, of rank 0
  uint64_t full_comm_bytes_per_step = 0;  ///< of full fine-tuning (step_comm.h), of rank 0
  uint64_t memory() const { return weights + buffers + gradients + optimizer + activations; }
};

struct Forecast {
  bool lengths_known = false;  ///< whether the training set could be read; else all samples have data.max_length tokens
  std::vector<StageForecast> stages;  ///< those that train
};

/// tensor: ranks that share one copy of the model. UsageError unless ranks is a positive multiple of it.
Forecast forecast(const recipe::Recipe& recipe, const Registries& registries, int64_t ranks, int64_t tensor);

}  // namespace filigree::train
