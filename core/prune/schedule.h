#pragma once
// How the share that a prune removes grows over its rounds.
#include <cstdint>

#include "core/recipe/recipe.h"

namespace filigree::prune {

/// Part of the requested share that is removed after `rounds` of config.steps rounds: with r = rounds / steps,
/// linear r, cubic 1 - (1 - r)^3 (Zhu and Gupta 2017, arXiv 1710.01878). Exactly 1 after the last round.
double part_removed(const recipe::PruneConfig& config, int64_t rounds);

}  // namespace filigree::prune
