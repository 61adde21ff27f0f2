#include "core/nn/ops/loss.h"

#include <ATen/core/Reduction.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/mse_loss.h>
#include <ATen/ops/ne.h>
#include <ATen/ops/sum.h>

#include "core/error.h"

namespace filigree::nn::ops {

LossSum cross_entropy(const at::Tensor& logits, const at::Tensor& labels, double smoothing) {
  FG_CHECK(logits.size(0) == labels.size(0), "{} rows of logits for {} labels", logits.size(0), labels.size(0));
  const auto count = at::sum(at::ne(labels, kIgnoredLabel)).item<int64_t>();
  return {at::cross_entropy_loss(logits.to(at::kFloat), labels, {}, at::Reduction::Sum, kIgnoredLabel, smoothing),
          count};
}

LossSum squared_error(const at::Tensor& logits, const at::Tensor& labels) {
  FG_CHECK(logits.numel() == labels.numel(), "{} outputs for {} targets", logits.numel(), labels.numel());
  return {at::mse_loss(logits.to(at::kFloat).flatten(), labels.to(at::kFloat), at::Reduction::Sum), labels.numel()};
}

}  // namespace filigree::nn::ops
