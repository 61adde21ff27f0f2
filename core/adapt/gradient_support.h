#pragma once
// The support of S2 from gradients: in each matrix the N entries of the effective weight W0 + D with the largest mean of
// squared gradients, over the gradients of some global batches. RoSA (arXiv 2401.04679, "mean_squared") does so after
// some steps that train U V alone, SIFT (arXiv 2312.11875) before the first step.
#include <vector>

#include "core/adapt/method.h"
#include "core/nn/linear.h"

namespace filigree::adapt {

/// Gives S2 of each linear's update its positions; their number stays. Ties go to the lower index. Collective. Throws
/// DataError if a gradient is not finite.
void place_by_gradients(const std::vector<nn::Linear*>& linears, const Step& step, const nn::GradientBatches& data);

/// Keeps the values of S2 where they are: sets their gradients to 0.
void hold_sparse_values(const std::vector<nn::Linear*>& linears);

}  // namespace filigree::adapt
