#pragma once
// RunState and tensors to and from a checkpoint: loops over the parameter table.
//
// A checkpoint holds what was trained, never the frozen backbone (that is named by its content hash):
//   trained.safetensors    parameters that were ever trained, adapters' buffers, masks; by logical name
//   optimizer.safetensors  "m:<name>", "v:<name>" of the stage in progress; absent between stages
//   manifest.json          sizes, checksums, which part of a tensor each file holds, and the state (saved_state.h)
//
// All ranks write, each tensor or part of one by one rank. A checkpoint belongs to no mesh: a rank of any other one
// reads the bytes of its own parts. The folder must be one that all ranks see.
#include <string>

#include "core/checkpoint/store.h"
#include "core/optim/flat_adamw.h"
#include "core/train/session.h"

namespace filigree::train {

/// Every rank returns when it is done, or throws the same DataError. Collective.
/// optimizer: nullptr between stages.
void save_checkpoint(Session& session, const optim::FlatAdamW* optimizer, bool best);

/// Before a stage's first step: DataError when the disk cannot hold the checkpoints to come. Collective.
void check_space(Session& session, const optim::FlatAdamW& optimizer);

/// DataError when the checkpoint is of another base model, LoRA or training set than the session's, or its state cannot
/// be one of this recipe. Rank 0 notes on stderr when the evaluation data have changed.
void check_origin(const Session& session, const checkpoint::Loaded& loaded);

/// Puts the session's freshly loaded model into the checkpoint's state: replays the events, then overwrites the values.
/// DataError when they do not fit each other.
void restore_model(Session& session, const checkpoint::Loaded& loaded);

/// The moments for the stage in progress.
void restore_optimizer(optim::FlatAdamW& optimizer, const checkpoint::Loaded& loaded);

}  // namespace filigree::train
