#pragma once
// A weight mixed with another one of its shape, entry by entry (mixout, arXiv 1909.11299; DPS-mix):
//
//   W' = ((1 - n) T + n W - p T) / (1 - p) = T + n / (1 - p) (W - T)        n: 1 where W is used, 0 where T is
//
// E(W') = W if n is drawn with P(n = 0) = p. The released code of both methods gives W the gradient n o G; that of W' is
// n / (1 - p) o G. Without n, W' = W: in evaluation, and between the steps.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "core/nn/linear.h"
#include "core/nn/weight_transform.h"

namespace filigree::adapt {

struct MixOptions {
  double probability = 0.1;     ///< p, in [0, 1)
  bool exact_gradient = false;  ///< n / (1 - p) o G instead of n o G
};

class Mixture : public nn::WeightTransform {
 public:
  /// target: T, a follower of the linear.
  Mixture(nn::ParameterPtr target, MixOptions options) : target_(std::move(target)), options_(options) {}

  at::Tensor apply(const at::Tensor& weight) const override;
  bool covers_update() const override { return false; }
  std::vector<nn::ParameterPtr> parameters() const override { return {target_}; }
  std::string kind() const override { return "a mixture"; }

  const nn::ParameterPtr& target() const { return target_; }
  /// Mixes by n, of the local part's shape or broadcast to it, until the next call; undefined: W alone.
  void mix(at::Tensor n) { n_ = std::move(n); }
  const at::Tensor& mixed_by() const { return n_; }

 private:
  nn::ParameterPtr target_;
  MixOptions options_;
  at::Tensor n_;
};

/// The mixture of a linear; nullptr if it has none.
Mixture* mixture_of(const nn::Linear& linear);

/// Gives the linear a mixture with "<linear>.mix_target", a copy of its present weight in checkpoints.
void add_mixture(nn::ParameterTable& table, nn::Linear& linear, const MixOptions& options);

/// Removes the linear's mixture and its target, if it has one: T(W) = W from now on.
void remove_mixture(nn::ParameterTable& table, nn::Linear& linear);

/// n of one draw for the columns of this rank's part, [1, columns], fp32: 0 with probability p, and the same in all rows, as
/// in the released code. A function of (stream, logical column).
at::Tensor draw_columns(const nn::Linear& linear, uint64_t stream, double probability);

}  // namespace filigree::adapt
