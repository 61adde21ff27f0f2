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

/// logits: [N, classes]; labels: int64 [N], kIgnoredLabel where there is no loss (not counted).
LossSum cross_entropy(const at::Tensor& logits, const at::Tensor& labels);

/// Squared error. logits: [N, 1]; labels: [N].
LossSum squared_error(const at::Tensor& logits, const at::Tensor& labels);

}  // namespace filigree::nn::ops
