#pragma once
// After a structured prune some tensor-parallel ranks hold more than others, because the plan removes the
// lowest-scored units on any rank. Rebalancing redistributes the remaining units, so that ranks differ by at
// most one head and one neuron per layer. Rows and columns of weights, biases, masks, updates and (by the
// records) of the optimizer's moments move between ranks; nothing is gathered.
#include <vector>

#include "core/nn/model.h"
#include "dist/communicator.h"

namespace filigree::prune {

/// Collective. Returns the change made to each parameter; the records' cuts are also collective.
std::vector<nn::Reslice> rebalance(nn::Model& model, dist::Communicator& tp);

}  // namespace filigree::prune
