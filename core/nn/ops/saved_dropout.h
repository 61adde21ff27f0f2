#pragma once
// Saves a Dropout in the context of an autograd function. Its keys may be undefined, so it cannot be passed
// as a tensor argument.
#include <torch/csrc/autograd/custom_function.h>

#include "core/nn/ops/dropout.h"

namespace filigree::nn::ops {

inline void save(torch::autograd::AutogradContext* ctx, const Dropout& dropout) {
  ctx->saved_data["keys"] = dropout.keys;
  ctx->saved_data["site"] = static_cast<int64_t>(dropout.site);
  ctx->saved_data["p"] = dropout.p;
}

inline Dropout saved_dropout(torch::autograd::AutogradContext* ctx) {
  return {ctx->saved_data["keys"].toTensor(), static_cast<uint64_t>(ctx->saved_data["site"].toInt()),
          ctx->saved_data["p"].toDouble()};
}

}  // namespace filigree::nn::ops
