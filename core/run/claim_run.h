#pragma once
// Which run directory a run may write to, and which checkpoint it starts from: what would overwrite something of the
// user's, or mix two runs, is refused before anything is written. Called on rank 0.
#include <optional>
#include <string>

#include "core/checkpoint/store.h"
#include "core/run/open_session.h"
#include "core/run/session.h"

namespace filigree::train {

/// Opens `session.run_dir` as the run's own (core/files/run_directory.h). UsageError, which names what is in the way,
/// when
///   - it contains anything and is not a run of filigree, or another process writes to it
///   - --resume never is given and it holds a run
///   - an export of the recipe, or final/, would replace a directory that is not an export of filigree
///   - the recipe reads its model or its adapter from a directory that this run will replace
std::unique_ptr<checkpoint::CheckpointStore> claim_run_directory(const Session& session, const RunRequest& request);

/// The checkpoint that the run starts from, whole and unopened; nothing for a new run.
///   --resume auto   the newest whole one of the run directory
///   --resume PATH   that checkpoint, or the newest of that run. When the run directory holds a run that was started
///                   from the same PATH before, its own newest one; UsageError when it holds any other run.
/// DataError when PATH holds no whole checkpoint; UsageError when there is none, but the results
/// of a finished run or the progress of another recipe, which would be overwritten.
std::optional<checkpoint::CheckpointInfo> choose_checkpoint(const Session& session, const RunRequest& request);

/// Records in the run directory that it was started from a checkpoint of another run. Nothing to do for its own.
void record_origin(const Session& session, const RunRequest& request);

/// Writes recipe.yaml, the resolved recipe, unless that file is the one that was given to the program.
void write_recipe(const Session& session);

}  // namespace filigree::train
