#pragma once
// Parts of an export that export.cpp puts together.
#include "core/export/export.h"

namespace filigree::checkpoint {

/// Fills the pruned structures of a merged state up with zeros to their original shapes, but for neurons when all
/// layers have the same width. True when something was filled up.
bool zero_fill(nn::Model& model, NamedTensors& state);

/// The one width that all layers' neurons have, or 0.
int64_t common_width(nn::Model& model);

/// {"heads": [[numbers kept] per layer], "neurons": the same}.
nlohmann::json kept_units(nn::Model& model);

}  // namespace filigree::checkpoint
