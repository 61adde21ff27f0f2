#pragma once
// Saves RunState and tensors to a checkpoint in a loop over the parameter table; restore.h reads them.
//
// A checkpoint holds what was trained, never the frozen backbone (which is identified by its content hash):
//   trained.safetensors    parameters that were ever trained, adapters' buffers, masks; by logical name
//   optimizer.safetensors  "m:<name>", "v:<name>" of the stage in progress; absent between stages
//   manifest.json          sizes, checksums, which part of a tensor each file holds, and the state (saved_state.h)
//
// All ranks write; each tensor or slice is written by one rank. A checkpoint does not depend on the mesh: a
// rank of any other mesh reads the bytes of its own slices. All ranks must see the folder.
#include <string>

#include "core/checkpoint/store.h"
#include "core/optim/optimizer.h"
#include "core/run/session.h"

namespace filigree::train {

/// Every rank returns when it is done, or throws the same DataError. Collective.
/// optimizer: nullptr between stages.
void save_checkpoint(Session& session, const optim::Optimizer* optimizer, bool best);

/// Before a stage's first step: DataError if the disk cannot hold the coming checkpoints. Collective.
void check_space(Session& session, const optim::Optimizer& optimizer);

/// Whether the checkpoints of a run in this state contain the parameter.
bool belongs_in_checkpoint(const nn::Parameter& parameter, const RunState& state);

}  // namespace filigree::train
