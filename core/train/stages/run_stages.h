#pragma once
// Runs a recipe's stages from the current state to the end: attach a method, train, prune, export.
#include "core/run/session.h"
#include "core/train/trainer.h"

namespace filigree::train {

/// Attaches the stage's method, if it names one and it is not attached yet. Collective.
void attach_method(Session& session, const recipe::StageConfig& stage);
/// The same without a line in the log.
void attach_silently(Session& session, const recipe::StageConfig& stage);

/// Returns Outcome::stopped if a signal requested it (a checkpoint is written). resumed: what the state was
/// read from, or nullptr.
Outcome run_stages(Session& session, const checkpoint::Loaded* resumed);

}  // namespace filigree::train
