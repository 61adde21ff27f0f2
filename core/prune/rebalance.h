#pragma once
// After a structured prune some tensor-parallel ranks hold more than others: the plan takes the worst units, wherever
// they lie. Rebalancing divides the units that are left anew, so that the ranks differ by at most one head and one
// neuron a layer. Rows and columns of weights, biases, masks, updates and (by the records) of the optimizer's moments
// move from rank to rank; nothing is gathered.
#include <vector>

#include "core/nn/model.h"
#include "dist/communicator.h"

namespace filigree::prune {

/// Collective. Returns what was done to each parameter; the records' cuts are collective, too.
std::vector<nn::Recut> rebalance(nn::Model& model, dist::Communicator& tp);

}  // namespace filigree::prune
