#pragma once
// From a checkpoint (snapshot.h) to the model of a run.
#include "core/checkpoint/store.h"
#include "core/optim/flat_adamw.h"
#include "core/run/session.h"

namespace filigree::train {

/// DataError when the checkpoint is of another base model, LoRA or training set than the session's, or its state cannot
/// be one of this recipe. Rank 0 notes on stderr when the evaluation data have changed.
void check_origin(const Session& session, const checkpoint::Loaded& loaded);

/// Evaluation data decide which checkpoint is the best, but no number of the training: a change is logged.
void warn_of_changed_evaluation(const Session& session, const checkpoint::Loaded& loaded);

/// Puts the session's freshly loaded model into the checkpoint's state: replays the events, then overwrites the values.
/// DataError when they do not fit each other.
void restore_model(Session& session, const checkpoint::Loaded& loaded);

/// The moments for the stage in progress.
void restore_optimizer(optim::FlatAdamW& optimizer, const checkpoint::Loaded& loaded);

}  // namespace filigree::train
