#pragma once
// Parts of an export that export.cpp combines.
#include "core/export/export.h"

namespace filigree::checkpoint {

/// Zero-fills the pruned structures of a merged state to their original shapes, except neurons if all layers
/// have the same width. Returns whether anything was filled.
bool zero_fill(nn::Model& model, NamedTensors& state);

/// The FFN width if all layers have the same one, else 0.
int64_t common_width(nn::Model& model);

/// {"heads": [[numbers kept] per layer], "neurons": the same}.
nlohmann::json kept_units(nn::Model& model);

}  // namespace filigree::checkpoint
