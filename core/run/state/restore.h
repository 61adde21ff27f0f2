#pragma once
// Restores the model of a run from a checkpoint (snapshot.h).
#include "core/checkpoint/store.h"
#include "core/optim/optimizer.h"
#include "core/run/session.h"

namespace filigree::train {

/// DataError if the checkpoint's base model, LoRA or training set differs from the session's, or its state
/// cannot be that of a run of this recipe.
void check_origin(const Session& session, const checkpoint::Loaded& loaded);

/// Logs a warning if the evaluation data changed. They determine the best checkpoint, but no number of the training.
void warn_of_changed_evaluation(const Session& session, const checkpoint::Loaded& loaded);

/// A newly loaded model, and what a checkpoint sets in it.
struct RestoreTarget {
  const recipe::Recipe& recipe;
  const Registries& registries;
  const dist::Mesh& mesh;
  at::ScalarType compute;  ///< type of the frozen weights
  nn::Model& model;
  std::unique_ptr<adapt::Method>& method;  ///< of the latest stage that named one
  RunState& state;
};
RestoreTarget restore_target(Session& session);

/// Repeats what happened to the model in an event, without values: a method is attached, units are pruned, an entry mask is
/// added. DataError if the event does not fit the model.
void replay(const RestoreTarget& target, const Event& event);

/// Puts the model into the checkpoint's state: replays the events, then overwrites the values. DataError if model and
/// checkpoint do not match.
void restore_model(const RestoreTarget& target, const checkpoint::Loaded& loaded);

/// Restores the moments of the stage in progress.
void restore_optimizer(optim::Optimizer& optimizer, const checkpoint::Loaded& loaded);

}  // namespace filigree::train
