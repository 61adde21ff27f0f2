#include "core/nn/ops/loss.h"

#include <ATen/core/Reduction.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/mse_loss.h>

#include "core/error.h"

namespace filigree::nn::ops {

at::Tensor cross_entropy(const at::Tensor& logits, const at::Tensor& labels, double smoothing) {
  FG_CHECK(logits.size(0) == labels.size(0), "{} rows of logits for {} labels", logits.size(0), labels.size(0));
  return at::cross_entropy_loss(logits.to(at::kFloat), labels, {}, at::Reduction::Sum, kIgnoredLabel, smoothing);
}

at::Tensor squared_error(const at::Tensor& logits, const at::Tensor& labels) {
  FG_CHECK(logits.numel() == labels.numel(), "{} outputs for {} targets", logits.numel(), labels.numel());
  return at::mse_loss(logits.to(at::kFloat).flatten(), labels.to(at::kFloat), at::Reduction::Sum);
}

}  // namespace filigree::nn::ops
