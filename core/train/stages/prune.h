#pragma once
// A prune stage: scores -> plan -> the same plan on every rank -> apply, in one round or several.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/run/session.h"

namespace filigree::train {

/// One round: prunes to the part of the requested shares that prune.schedule gives (core/prune/schedule.h), logs it, writes the plan to
/// the run directory, appends the event and counts the round. After a structured round the remaining units
/// are rebalanced over the tensor-parallel ranks. Returns what was done to each parameter. Collective.
std::vector<nn::Reslice> prune_round(Session& session, const recipe::StageConfig& stage);

/// The matrices that have an update D and a mask that covers W0 alone: mask * W0 + D has no more zeros than D.
size_t masked_with_update(nn::Model& model);

/// Warns that the merge of the updates fills zeros of masked matrices.
void warn_of_dense_sums(Session& session, const recipe::StageConfig& stage);

}  // namespace filigree::train
