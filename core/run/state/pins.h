#pragma once
// Points of a run that later stages rewind to. Their checkpoints are pinned: kept until the last stage that rewinds to
// them has begun. The start of the first stage needs none: it is the base model.
#include <cstdint>
#include <functional>
#include <optional>
#include <set>

#include "core/recipe/recipe.h"
#include "core/run/session.h"

namespace filigree::train {

/// Index of the stage that `rewind` names; the recipe was checked.
int64_t rewound_stage(const recipe::Recipe& recipe, const recipe::RewindConfig& rewind);

/// Steps of the checkpoints that the stages from state.stage on rewind to and that exist.
std::set<int64_t> pinned_steps(const recipe::Recipe& recipe, const RunState& state);

/// The pin that the stage rewinds to; nothing for the start of the first stage. DataError if this run has none.
std::optional<Pin> pin_of(const Session& session, const recipe::StageConfig& stage);

/// Pins the present point of the run if a later stage rewinds to it. save: writes a checkpoint, if there is none of this
/// step yet. Collective.
void pin_if_due(Session& session, const std::function<void()>& save);

/// Tells the store which checkpoints to keep. Collective.
void keep_pinned(Session& session);

/// For a run that resumes: DataError if a checkpoint that a coming stage rewinds to is missing or damaged. Copies those of
/// another run. Rank 0.
void bring_pinned(const Session& session, const checkpoint::Loaded& resumed);

}  // namespace filigree::train
