#pragma once
// Parts of an export that export.cpp puts together.
#include "core/checkpoint/export.h"

namespace filigree::checkpoint {

/// Fills the pruned structures of a merged state up with zeros to their original shapes, but for neurons when all
/// layers have the same width. True when something was filled up.
bool zero_fill(nn::Model& model, NamedTensors& state);

}  // namespace filigree::checkpoint
