#pragma once
// Where the stage in progress is, for the hooks of its method (core/adapt/method.h).
#include "core/adapt/method.h"
#include "core/run/session.h"

namespace filigree::train {

/// A stage without training has one step.
adapt::Step step_of(const Session& session, const recipe::StageConfig& stage);

}  // namespace filigree::train
