#pragma once
// The bytes that a rank hands to the communicators in one training step, computed from the parameter table and the
// tokens of the step; no rank needs to run. The keys are those of comm_bytes.h.
//
//   step_comm       with the roles that the parameters have now, without the gathers of parallel.shard_frozen
//                   (frozen_gathers.h)
//   full_step_comm  if the method `full` trained the same base model in the same step: on the same mesh, with the same
//                   samples per rank, parallel.grad_dtype and activation checkpointing. This is
//                   full_comm_bytes_per_step of `plan` and of the stage records
//
// full_step_comm has
//   dp.gradients  the rank's share of all base weights, those that are frozen now included. The values of updates (U, V,
//                 S2) are not part of the base model and do not count
//   dp.weights    nothing: no weight is frozen, so parallel.shard_frozen has nothing to gather
//   tp.forward    as in step_comm; if layers are computed twice, all are
//   tp.backward   the gradient of every block's input, because the embeddings train
//   tp.gradients  nothing: only updates have partial gradients
#include <cstdint>

#include "core/parallel/comm_bytes.h"

namespace filigree::train {

/// Bytes of the step's six fp64 counters (loss, losses, samples, tokens, stop, save), which are summed over the ranks.
inline constexpr uint64_t kCounterBytes = uint64_t{6} * 8;

/// How the ranks are distributed over the axes, and the sizes of the types.
struct CommLayout {
  int64_t data = 1, tensor = 1;
  int64_t element = 4;    ///< bytes per activation element
  uint64_t gradient = 4;  ///< bytes per element of the gradients that the ranks exchange
};

/// What a rank processes in a step; means may be fractions.
struct StepWork {
  double tokens = 0;
  double predicted = 0;    ///< tokens with a loss, in language modeling
  bool recompute = false;  ///< activation checkpointing
};

CommBytes step_comm(nn::Model& model, const CommLayout& layout, const StepWork& work);
CommBytes full_step_comm(nn::Model& model, const CommLayout& layout, const StepWork& work);

}  // namespace filigree::train
