#pragma once
// One coefficient per head and per FFN neuron, as EarlyBERT trains them: it multiplies the head's output (which is the
// same as multiplying its attention probabilities) or the neuron's activation, both being columns of the input of the
// linear that the unit ends in (attention-out, FFN-out). They start at 1, so the model's function is unchanged.
//
// l1 scores: the coefficients alone are trained on the model as it is, with loss + lambda * sum |c|, by Adam; a unit's
// score is its coefficient, SIGNED. (EarlyBERT trains all weights along at lr 2e-5 for a fifth of an epoch; here they
// stay, so the coefficients get a rate of their own.)
#include <ATen/core/Tensor.h>

#include <vector>

#include "core/nn/model.h"
#include "core/prune/score.h"

namespace filigree::prune {

/// While it lives, the groups' units are multiplied by their coefficients, through the linears' input hooks.
class Coefficients {
 public:
  explicit Coefficients(const std::vector<nn::StructureGroup*>& groups);
  ~Coefficients();
  Coefficients(const Coefficients&) = delete;

  /// fp32 [units that lie here] of groups[g]; leaves that require grad.
  const at::Tensor& of(size_t g) const { return leaves_[g]; }
  size_t size() const { return leaves_.size(); }
  at::Tensor gradients() const;  ///< all groups' in one fp32 tensor, a copy; zeros where there is none yet
  void zero_gradients();
  void update(const at::Tensor& step);  ///< c -= step, laid out like gradients()

 private:
  struct SavedHook {
    nn::Linear* linear;
    nn::Hook input;
  };
  std::vector<SavedHook> saved_;
  std::vector<at::Tensor> leaves_;
};

struct L1Options {
  double lambda = 1e-4;  ///< weight of sum |c|, for heads and neurons alike
  double lr = 1e-2;
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
};

/// Trains the coefficients over data.batches steps and returns those of the units that lie here, per group. Collective.
Scores l1_scores(const std::vector<nn::StructureGroup*>& groups, const DataPass& data, const L1Options& options = {});

}  // namespace filigree::prune
