#pragma once
// What parallel.shard_frozen (frozen_shards.h) gathers in one training step, from the order in which a pass uses the
// weights; no rank needs to run.
//
// A step begins without gathered units. In each of its passes over a micro-batch, embeddings and linears use their units
// in the order of the forward pass. In the backward pass, in reverse, a linear uses its unit again if it needs the
// gradient of its input; a layer with activation checkpointing runs forward again before its backward pass. A decoder
// that shares the embedding's table uses the embedding's unit.
#include <cstdint>

#include "core/nn/model.h"

namespace filigree::train {

struct FrozenGathers {
  uint64_t bytes = 0;       ///< that a rank hands to the gathers in a step
  uint64_t held = 0;        ///< most bytes of whole units at once, while there are activations
  uint64_t held_early = 0;  ///< the same while the embeddings use theirs in a forward pass
};

/// Of a model with whole weights. ranks: data-parallel ones; passes: micro-batches of a step.
FrozenGathers frozen_gathers(nn::Model& model, int64_t ranks, int64_t passes, bool recompute);

}  // namespace filigree::train
