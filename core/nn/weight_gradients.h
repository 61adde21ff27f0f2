#pragma once
// Gradients of the effective weights of linears, frozen ones included, over some batches. The linears' hooks compute
// them from the output's gradient and the input, in fp32. So a frozen bf16 weight does not need requires_grad, and
// masked entries are included.
#include <ATen/core/Tensor.h>

#include <functional>
#include <vector>

#include "core/nn/linear.h"

namespace filigree::dist {
class Communicator;
}

namespace filigree::nn {

/// Batches whose gradients are read. run_batch(i) runs forward and backward on this rank's share of the i-th global
/// batch, with a loss whose gradient, summed over `dp`, is that of the batch's mean loss. It may leave gradients in the
/// trainable parameters; the caller clears them afterwards.
struct GradientBatches {
  int64_t batches = 0;
  std::function<void(int64_t)> run_batch;
  dist::Communicator& dp;  ///< ranks that split each batch
};

/// During its lifetime, each backward pass through the linears accumulates gradients of effective weights and biases.
class WeightGradients {
 public:
  explicit WeightGradients(const std::vector<Linear*>& linears);
  ~WeightGradients();
  WeightGradients(const WeightGradients&) = delete;

  void zero();
  const at::Tensor& flat() const { return flat_; }  ///< all gradients in one fp32 tensor, to sum over ranks
  const at::Tensor& weight(size_t i) const { return weights_[i]; }  ///< [out, in] of linears[i], a view of flat()
  const at::Tensor& bias(size_t i) const { return biases_[i]; }     ///< [out]; undefined without a bias

 private:
  struct SavedHooks {
    Linear* linear;
    Hook input, output;
  };
  void install(Linear& linear, const at::Tensor& weight, const at::Tensor& bias);

  std::vector<SavedHooks> saved_;
  at::Tensor flat_;
  std::vector<at::Tensor> weights_, biases_;
};

/// Calls use(gradients) after each batch, with the gradients of its mean loss. Collective over data.dp.
void for_each_batch(const std::vector<Linear*>& linears, const GradientBatches& data,
                    const std::function<void(const WeightGradients&)>& use);

}  // namespace filigree::nn
