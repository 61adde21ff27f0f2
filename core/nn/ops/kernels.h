#pragma once
// Fused CPU kernels behind dropout.h, activation.h, norm.h and attention.h. Rows are processed in parallel
// and never share a sum, so results do not depend on the number of threads. T is float or c10::BFloat16. The
// autograd functions around them are in the .cpp files of the ops.
#include <ATen/core/Tensor.h>
#include <c10/util/BFloat16.h>

#include <cstdint>
#include <vector>

#include "core/nn/ops/attention.h"
#include "core/nn/ops/dropout.h"
#include "core/nn/ops/dropout_lanes.h"

namespace filigree::nn::ops {

/// Whether the kernels below support x: on the CPU, fp32 or bf16.
inline bool has_kernel(const at::Tensor& x) {
  return x.device().is_cpu() && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16);
}

simd::Mask mask_of(const Dropout& dropout);

/// Calls f with a null pointer of x's element type.
template <class F>
void with_type(const at::Tensor& x, F&& f) {
  if (x.scalar_type() == at::kFloat) {
    f(static_cast<float*>(nullptr));
  } else {
    f(static_cast<c10::BFloat16*>(nullptr));
  }
}

/// dropout(x) of [T, C]; with the gradient as x, also its backward.
at::Tensor dropout_kernel(const at::Tensor& x, const Dropout& dropout);

/// gelu(x) and, if slope is not null, gelu'(x) in the same type.
void gelu_kernel(const at::Tensor& x, at::Tensor& y, at::Tensor* slope);

/// y = normalised * gain + bias, normalised = (s - mean(s)) * rstd, s = residual + dropout(x). gain and bias: fp32.
struct NormResult {
  at::Tensor y, normalised, rstd;  ///< rstd: fp32 [T]
};
NormResult residual_norm_kernel(const at::Tensor& x, const at::Tensor& residual, const at::Tensor& gain,
                                const at::Tensor& bias, double eps, const Dropout& dropout);
/// Gradients of residual and, with the dropout mask, of x.
struct NormGradients {
  at::Tensor x, residual;
};
NormGradients residual_norm_backward_kernel(const at::Tensor& grad, const at::Tensor& normalised,
                                            const at::Tensor& rstd, const at::Tensor& gain, const Dropout& dropout);

/// See attention.h. q, k and v may be slices of one wider tensor (rows strided, channels contiguous).
at::Tensor attention_kernel(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const AttentionLayout& layout, const Dropout& dropout);
struct AttentionGradients {
  at::Tensor q, k, v;
};
AttentionGradients attention_backward_kernel(const at::Tensor& grad, const at::Tensor& q, const at::Tensor& k,
                                             const at::Tensor& v, const AttentionLayout& layout,
                                             const Dropout& dropout);

}  // namespace filigree::nn::ops
