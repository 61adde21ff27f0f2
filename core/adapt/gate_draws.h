#pragma once
// The heads and neurons that a prune by gates would remove now, and how much that changes from draw to draw. EarlyBERT
// (arXiv 2101.00063) ends its search when the masks of successive draws have become alike; the distance of two masks is the
// share of their units that differ.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "core/nn/model.h"
#include "dist/communicator.h"

namespace filigree::adapt {

struct DrawShares {
  double heads = 1.0 / 3.0;  ///< share of each layer's heads that is removed
  double ffn = 0.4;          ///< share of all neurons together that is removed
};

/// 1 for each unit that stays, uint8 on the CPU, in the order of the model's structures. The units with the lowest gates are
/// removed; of equal ones, the one that comes later. Collective over tp.
at::Tensor draw_units(nn::Model& model, const DrawShares& shares, dist::Communicator& tp);

/// The same from the gates of the groups: fp32, one tensor per group, whole. kinds: of the groups.
at::Tensor draw_units(const std::vector<at::Tensor>& gates, const std::vector<nn::StructureKind>& kinds,
                      const DrawShares& shares);

/// The last draws, newest first, in a buffer uint8 [draws, units]. Adds one; returns its largest distance to the others.
double push_draw(const at::Tensor& buffer, const at::Tensor& draw);

}  // namespace filigree::adapt
