#pragma once
// First-order importance of weights: the change of the loss, to first order, if a weight became 0 (Molchanov
// et al., "Pruning convolutional neural networks for resource efficient inference", 2017):
//
//   importance = sum over batches b of |g_b w|,  w = mask * W0 + D (the effective weight), g_b = d loss_b / d w
//
// |.| is taken after the sum over ranks, so the result does not depend on the number of ranks that split a batch.
#include <ATen/core/Tensor.h>

#include <vector>

#include "core/nn/weight_gradients.h"

namespace filigree::prune {

struct Importance {
  at::Tensor weight;  ///< fp32 [out, in]
  at::Tensor bias;    ///< fp32 [out]; undefined without a bias
};

std::vector<Importance> taylor_importance(const std::vector<nn::Linear*>& linears, const nn::GradientBatches& data);

}  // namespace filigree::prune
