#pragma once
// The empirical Fisher information of trained parameters: the sum over batches of squared gradients, where a gradient is that
// of the global batch's mean loss.
#include <ATen/core/Tensor.h>

#include <vector>

#include "core/adapt/update_masks.h"
#include "core/nn/weight_gradients.h"
#include "dist/communicator.h"

namespace filigree::adapt {

struct FisherChoice {
  double share = 0.3;  ///< of all entries together that stay
  double clip = 1.0;   ///< each parameter's gradient is scaled down to at most this norm; 0: not
};

/// Masks that keep the entries with the largest Fisher information: those at or above numpy's percentile of (1 - share) over
/// all parameters, of n entries n - ceil((n - 1) (1 - share)). Gradients of the parameters are overwritten. Collective.
std::vector<at::Tensor> kept_by_fisher(const std::vector<UpdateMask>& masks, const FisherChoice& choice,
                                       const nn::GradientBatches& data, dist::Communicator& tp);

}  // namespace filigree::adapt
