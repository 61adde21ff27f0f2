#pragma once
// The zeros that are left when the updates are merged: an update D of a linear fills zeros of mask * W0.
#include <optional>

#include "core/nn/model.h"

namespace filigree::dist {
class Communicator;
}

namespace filigree::prune {

/// Share of zeros of mask * W0 + D among the encoder's linear weights, those of sparsity() (inspect.h), over the parts of
/// the model on all ranks of `tp`. nullopt if none of them has an update. Collective.
std::optional<double> merged_sparsity(nn::Model& model, dist::Communicator& tp);

}  // namespace filigree::prune
