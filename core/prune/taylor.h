#pragma once
// First-order importance of weights: the change of the loss, to first order, if a weight became 0 (Molchanov
// et al., "Pruning convolutional neural networks for resource efficient inference", 2017):
//
//   importance = sum over batches b of |g_b w|,  w = mask * W0 + D (the effective weight), g_b = d loss_b / d w
//
// The linears' hooks compute g from the output's gradient and the input, in fp32. So a frozen bf16 weight
// does not need requires_grad, and masked entries are included. |.| is taken after the sum over ranks, so the
// result does not depend on the number of ranks that split a batch.
#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

#include "core/nn/linear.h"
#include "core/prune/score.h"

namespace filigree::prune {

/// During its lifetime, each backward pass through the linears accumulates gradients of effective weights and biases.
class WeightGradients {
 public:
  explicit WeightGradients(const std::vector<nn::Linear*>& linears);
  ~WeightGradients();
  WeightGradients(const WeightGradients&) = delete;

  void zero();
  const at::Tensor& flat() const { return flat_; }  ///< all gradients in one fp32 tensor, to sum over ranks
  const at::Tensor& weight(size_t i) const { return weights_[i]; }  ///< [out, in] of linears[i], a view of flat()
  const at::Tensor& bias(size_t i) const { return biases_[i]; }     ///< [out]; undefined without a bias

 private:
  struct SavedHooks {
    nn::Linear* linear;
    nn::Hook input, output;
  };
  void install(nn::Linear& linear, const at::Tensor& weight, const at::Tensor& bias);

  std::vector<SavedHooks> saved_;
  at::Tensor flat_;
  std::vector<at::Tensor> weights_, biases_;
};

struct Importance {
  at::Tensor weight;  ///< fp32 [out, in]
  at::Tensor bias;    ///< fp32 [out]; undefined without a bias
};

std::vector<Importance> taylor_importance(const std::vector<nn::Linear*>& linears, const ScoringBatches& data);

}  // namespace filigree::prune
