#pragma once
// RunState and tensors to a checkpoint, a loop over the parameter table; restore.h reads them.
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
#include "core/run/session.h"

namespace filigree::train {

/// Every rank returns when it is done, or throws the same DataError. Collective.
/// optimizer: nullptr between stages.
void save_checkpoint(Session& session, const optim::FlatAdamW* optimizer, bool best);

/// Before a stage's first step: DataError when the disk cannot hold the checkpoints to come. Collective.
void check_space(Session& session, const optim::FlatAdamW& optimizer);

/// Whether the checkpoints of a run in this state hold the parameter.
bool belongs_in_checkpoint(const nn::Parameter& parameter, const RunState& state);

}  // namespace filigree::train
