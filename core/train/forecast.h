#pragma once
// Memory per rank and bytes per step of a recipe's stages, before any machine is booked: counted from the parameter
// table with the stage's method attached, on one process, for any number of ranks.
//
//   weights      every parameter in its own type (frozen ones in the compute type, trainable ones fp32)
//   gradients    4 bytes a trainable parameter
//   optimizer    8 bytes a trainable parameter (two moments)
//   activations  what the backward pass keeps, for sequences of data.max_length: an upper estimate
//   comm_bytes_per_step  handed to the communicator by one rank in a step: gradients on the wire and the step's
//   counters
#include <cstdint>
#include <string>
#include <vector>

#include "core/recipe/recipe.h"
#include "core/train/session.h"

namespace filigree::train {

struct StageForecast {
  std::string stage;
  int64_t trainable = 0, total = 0;
  uint64_t weights = 0, gradients = 0, optimizer = 0, activations = 0;  ///< bytes a rank
  uint64_t comm_bytes_per_step = 0, full_comm_bytes_per_step = 0;
  uint64_t memory() const { return weights + gradients + optimizer + activations; }
};

/// One for each stage that trains. UsageError when `ranks` does not fit the recipe.
std::vector<StageForecast> forecast(const recipe::Recipe& recipe, const Plugins& plugins, int64_t ranks);

}  // namespace filigree::train
