#pragma once
// One coefficient per head and per FFN neuron, as in EarlyBERT. It multiplies the head's output (equivalent to scaling
// its attention probabilities) or the neuron's activation. Both are columns of the input of the unit's output linear
// (attention-out, FFN-out). Coefficients start at 1, so the model's function is unchanged.
//
// l1 scores: only the coefficients are trained, on the current model, with loss + lambda * sum |c| and Adam.
// A unit's score is its coefficient, SIGNED. (EarlyBERT also trains all weights at lr 2e-5 for a fifth of an
// epoch. Here the weights stay fixed, so the coefficients have their own learning rate.)
#include <ATen/core/Tensor.h>

#include <vector>

#include "core/nn/model.h"
#include "core/prune/score.h"

namespace filigree::prune {

/// During its lifetime, multiplies the groups' units by their coefficients, through the linears' input hooks.
class Coefficients {
 public:
  explicit Coefficients(const std::vector<nn::StructureGroup*>& groups);
  ~Coefficients();
  Coefficients(const Coefficients&) = delete;

  /// fp32 [local units] of groups[g]; a leaf that requires grad.
  const at::Tensor& of(size_t g) const { return leaves_[g]; }
  size_t size() const { return leaves_.size(); }
  at::Tensor gradients() const;  ///< of all groups in one fp32 tensor, a copy; zeros where there is none yet
  void zero_gradients();
  void update(const at::Tensor& step);  ///< c -= step, with the layout of gradients()

 private:
  struct SavedHook {
    nn::Linear* linear;
    nn::Hook input;
  };
  std::vector<SavedHook> saved_;
  std::vector<at::Tensor> leaves_;
};

struct L1Options {
  double lambda = 1e-4;  ///< weight of sum |c|, for both heads and neurons
  double lr = 1e-2;
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
};

/// Trains the coefficients for data.batches steps and returns those of the local units, per group. Collective.
Scores l1_scores(const std::vector<nn::StructureGroup*>& groups, const nn::GradientBatches& data,
                 const L1Options& options = {});

}  // namespace filigree::prune
