#pragma once
// Scores computed from the weights of an entry alone. A unit's score is the sum over its slices:
//
//   head     query and value, as in DSEE's structured step, and any other member that has an adapter
//   neuron   its row of FFN-in and its column of FFN-out
//
// DSEE's released code leaves D unscaled in these sums; here D is the one effective delta everywhere.
#include <optional>

#include "core/prune/scores/score.h"

namespace filigree::prune {

/// W0 as used in the forward pass, fp32, with its mask or transform, and the adapter's D. With a mask or a transform that
/// covers the update, `base` is the covered sum and there is no `delta`.
struct EntryWeights {
  at::Tensor base;
  std::optional<at::Tensor> delta;
};

class WeightScore : public Score {
 public:
  Scores of_units(const std::vector<nn::StructureGroup*>& groups, const ScoreInput& input) const override;
  std::vector<at::Tensor> of_entries(const std::vector<nn::Linear*>& linears, const ScoreInput& input) const override;

 protected:
  virtual at::Tensor of(const EntryWeights& weights) const = 0;

 private:
  at::Tensor of(const nn::Linear& linear, bool unmasked) const;
};

}  // namespace filigree::prune
