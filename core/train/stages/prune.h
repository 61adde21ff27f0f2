#pragma once
// A prune stage: scores -> plan -> the same plan on every rank -> apply, in one round or several.
#include <cstdint>
#include <vector>

#include "core/run/session.h"

namespace filigree::train {

/// One round: prunes to (state.prune_rounds + 1) / steps of the requested shares, logs it, writes the plan to
/// the run directory, appends the event and counts the round. After a structured round the remaining units
/// are rebalanced over the tensor-parallel ranks. Returns what was done to each parameter. Collective.
std::vector<nn::Reslice> prune_round(Session& session, const recipe::StageConfig& stage);

}  // namespace filigree::train
