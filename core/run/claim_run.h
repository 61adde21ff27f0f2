#pragma once
// Decides which run directory a run may write to, and which checkpoint it starts from. Anything that would
// overwrite a user's files or mix two runs is refused before anything is written. Called on rank 0.
#include <optional>
#include <string>

#include "core/checkpoint/store.h"
#include "core/error.h"
#include "core/run/open_session.h"
#include "core/run/session.h"

namespace filigree::train {

/// The start would overwrite results of the run in its directory, or mix it with another one. It changes nothing there,
/// not even log.txt.
struct RefusedStart : UsageError {
  using UsageError::UsageError;
};

/// Opens `session.run_dir` as the run's own (core/files/run_directory.h). Throws a UsageError that names the
/// obstacle if
///   - it is not empty and not a filigree run, or another process writes to it
///   - --resume never is given and it contains a run
///   - an export of the recipe, or final/, would replace a directory that is not a filigree export
///   - the recipe reads its model or its adapter from a directory that this run will replace
std::unique_ptr<checkpoint::CheckpointStore> claim_run_directory(const Session& session, const RunRequest& request);

/// The checkpoint that the run starts from, complete and unopened; nothing for a new run.
///   --resume auto   the newest complete one of the run directory
///   --resume PATH   that checkpoint, or the newest of that run. If the run directory contains a run that was started
///                   from the same PATH before, its own newest one; UsageError if it contains any other run.
/// DataError if PATH has no complete checkpoint; UsageError if the run directory has none, but has the
/// results of a finished run or the progress of another recipe, which would be overwritten.
std::optional<checkpoint::CheckpointInfo> choose_checkpoint(const Session& session, const RunRequest& request);

/// Records in the run directory that it was started from a checkpoint of another run. Does nothing for its own.
void record_origin(const std::string& run_dir, const RunRequest& request);

/// Writes recipe.yaml, the resolved recipe, unless the program was started with that file.
void write_recipe(const std::string& run_dir, const recipe::Recipe& recipe);

}  // namespace filigree::train
