#pragma once
// Shared by the methods that train a score per entry.
#include <vector>

#include "core/adapt/learned_mask.h"
#include "core/nn/model.h"

namespace filigree::adapt {

inline constexpr const char* kMaskedHelp =
    "linears that get a learned mask, by the last words of their names; '*' stands for one word; empty: all in the "
    "encoder";

/// Gives the linears a mask with a trained score per entry, first `first`, whose learning rate is `ratio` times that of the
/// recipe. Throws KeyError of `targets` if one of them has a mask.
void add_scores(nn::Model& model, const std::vector<nn::Linear*>& linears, double first, double ratio, MaskRule rule);

}  // namespace filigree::adapt
