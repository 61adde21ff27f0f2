#pragma once
// Losses as sums in fp32 with the number of terms: averages are taken over the global batch, never over a rank's share.
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace filigree::nn::ops {

inline constexpr int64_t kIgnoredLabel = -100;

struct LossSum {
  at::Tensor sum;  ///< fp32 scalar
  int64_t count = 0;
};

/// logits: [N, classes]; labels: int64 [N], kIgnoredLabel where there is no loss (not counted). With smoothing e the
/// loss of a row is (1 - e) (-log p[label]) + e mean over the classes of -log p (Szegedy et al., 2016).
LossSum cross_entropy(const at::Tensor& logits, const at::Tensor& labels, double smoothing = 0);

/// Squared error. logits: [N, 1]; labels: [N].
LossSum squared_error(const at::Tensor& logits, const at::Tensor& labels);

}  // namespace filigree::nn::ops
