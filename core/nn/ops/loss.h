#pragma once
// Losses as sums in fp32. The caller averages over the global batch, never over one rank's share.
#include <ATen/core/Tensor.h>

#include "core/data/batch.h"

namespace filigree::nn::ops {

using data::kIgnoredLabel;

/// fp32 scalar. logits: [N, classes]; labels: int64 [N], kIgnoredLabel where there is no loss. With smoothing e the
/// loss of a row is (1 - e) (-log p[label]) + e mean_c(-log p[c]) (Szegedy et al., 2016).
at::Tensor cross_entropy(const at::Tensor& logits, const at::Tensor& labels, double smoothing = 0);

/// Squared error, an fp32 scalar. logits: [N, 1]; labels: [N].
at::Tensor squared_error(const at::Tensor& logits, const at::Tensor& labels);

}  // namespace filigree::nn::ops
