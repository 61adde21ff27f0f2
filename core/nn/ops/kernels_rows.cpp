// Row-wise kernels: dropout, GELU, residual layer normalization.
#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include "core/error.h"
#include "core/nn/ops/kernels.h"

namespace filigree::nn::ops {

using simd::kLanes;
using simd::Lanes;
using simd::Mask;

simd::Mask mask_of(const Dropout& dropout) {
  if (!dropout.active()) return {};
  FG_CHECK(dropout.keys.device().is_cpu() && dropout.keys.is_contiguous(), "dropout keys must be packed on the CPU");
  return {dropout.keys.const_data_ptr<int64_t>(), dropout.site, dropout.threshold(),
          static_cast<float>(dropout.scale())};
}

namespace {

// Rows per task: about enough work to be worth starting a thread.
int64_t grain(int64_t channels) { return std::max<int64_t>(1, 32768 / std::max<int64_t>(1, channels)); }

// ---- dropout ----

template <class T>
FILIGREE_INLINE void drop_row(const T* x, T* y, int64_t channels, const Mask& mask, int64_t row) {
  const uint64_t key = mask.row_key(row);
  for (int64_t c = 0; c < channels; c += kLanes) {
    simd::store(y + c, simd::drop(simd::load(x + c, channels - c), mask, key, c), channels - c);
  }
}

FILIGREE_KERNEL void drop_rows(const float* x, float* y, int64_t begin, int64_t end, int64_t channels,
                               const Mask& mask) {
  for (int64_t row = begin; row < end; ++row) drop_row(x + row * channels, y + row * channels, channels, mask, row);
}
FILIGREE_KERNEL void drop_rows(const c10::BFloat16* x, c10::BFloat16* y, int64_t begin, int64_t end, int64_t channels,
                               const Mask& mask) {
  for (int64_t row = begin; row < end; ++row) drop_row(x + row * channels, y + row * channels, channels, mask, row);
}

// ---- GELU ----

struct Gelu {
  Lanes value, slope;
};

/// x Phi(x) and Phi(x) + x phi(x). The tail of Phi is a polynomial times e^(-x^2/2) (Abramowitz and Stegun 7.1.26,
/// absolute error below 1.5e-7), so phi comes for free.
FILIGREE_INLINE Gelu gelu(Lanes x) {
  const Lanes size = simd::select(x < 0.0f, -x, x) * 0.70710678f;
  const Lanes bell = simd::exp(-size * size);
  const Lanes t = 1.0f / (1.0f + size * 0.3275911f);
  Lanes p = t * 1.061405429f - 1.453152027f;
  p = p * t + 1.421413741f;
  p = p * t - 0.284496736f;
  p = p * t + 0.254829592f;
  const Lanes tail = p * t * bell * 0.5f;
  const Lanes area = simd::select(x < 0.0f, tail, 1.0f - tail);
  return {x * area, area + x * bell * 0.39894228f};
}

template <class T>
FILIGREE_INLINE void gelu_span(const T* x, T* y, T* slope, int64_t n) {
  for (int64_t i = 0; i < n; i += kLanes) {
    const Gelu result = gelu(simd::load(x + i, n - i));
    simd::store(y + i, result.value, n - i);
    if (slope != nullptr) simd::store(slope + i, result.slope, n - i);
  }
}

FILIGREE_KERNEL void gelu_run(const float* x, float* y, float* slope, int64_t n) { gelu_span(x, y, slope, n); }
FILIGREE_KERNEL void gelu_run(const c10::BFloat16* x, c10::BFloat16* y, c10::BFloat16* slope, int64_t n) {
  gelu_span(x, y, slope, n);
}

// ---- residual layer normalization ----

template <class T>
struct NormRows {
  const T* x;
  const T* residual;
  const float* gain;
  const float* bias;
  T* y;
  T* normalised;
  float* rstd;
  int64_t channels;
  float eps;
  Mask mask;
};

template <class T>
FILIGREE_INLINE void norm_row(const NormRows<T>& rows, int64_t row, float* s) {
  const int64_t n = rows.channels, at = row * n;
  const bool drops = rows.mask.keys != nullptr;
  const uint64_t key = drops ? rows.mask.row_key(row) : 0;
  Lanes total{};
  for (int64_t c = 0; c < n; c += kLanes) {
    Lanes x = simd::load(rows.x + at + c, n - c);
    if (drops) x = simd::drop(x, rows.mask, key, c);
    x += simd::load(rows.residual + at + c, n - c);
    simd::store(s + c, x);
    total += x;
  }
  const float mean = simd::sum(total) / static_cast<float>(n);
  Lanes squares{};
  for (int64_t c = 0; c < n; c += kLanes) {
    const auto inside = reinterpret_cast<simd::Ints>(simd::lane_numbers() < static_cast<uint32_t>(n - c));
    const Lanes d = simd::select(inside, simd::load(s + c) - mean, Lanes{});
    squares += d * d;
  }
  const float rstd = 1.0f / __builtin_sqrtf(simd::sum(squares) / static_cast<float>(n) + rows.eps);
  rows.rstd[row] = rstd;
  for (int64_t c = 0; c < n; c += kLanes) {
    const Lanes hat = (simd::load(s + c) - mean) * rstd;
    if (rows.normalised != nullptr) simd::store(rows.normalised + at + c, hat, n - c);
    simd::store(rows.y + at + c, hat * simd::load(rows.gain + c, n - c) + simd::load(rows.bias + c, n - c), n - c);
  }
}

FILIGREE_KERNEL void norm_rows(const NormRows<float>& rows, int64_t begin, int64_t end, float* s) {
  for (int64_t row = begin; row < end; ++row) norm_row(rows, row, s);
}
FILIGREE_KERNEL void norm_rows(const NormRows<c10::BFloat16>& rows, int64_t begin, int64_t end, float* s) {
  for (int64_t row = begin; row < end; ++row) norm_row(rows, row, s);
}

template <class T>
struct NormBackwardRows {
  const T* grad;
  const T* normalised;
  const float* rstd;
  const float* gain;
  T* residual;
  T* x;  ///< without dropout, the same as residual
  int64_t channels;
  Mask mask;
};

/// ds = rstd (g - mean(g) - hat mean(g hat)), g = grad * gain
template <class T>
FILIGREE_INLINE void norm_backward_row(const NormBackwardRows<T>& rows, int64_t row) {
  const int64_t n = rows.channels, at = row * n;
  const bool drops = rows.mask.keys != nullptr;
  const uint64_t key = drops ? rows.mask.row_key(row) : 0;
  Lanes g_sum{}, product_sum{};
  for (int64_t c = 0; c < n; c += kLanes) {
    const Lanes g = simd::load(rows.grad + at + c, n - c) * simd::load(rows.gain + c, n - c);
    g_sum += g;
    product_sum += g * simd::load(rows.normalised + at + c, n - c);
  }
  const float g_mean = simd::sum(g_sum) / static_cast<float>(n);
  const float product_mean = simd::sum(product_sum) / static_cast<float>(n);
  for (int64_t c = 0; c < n; c += kLanes) {
    const Lanes g = simd::load(rows.grad + at + c, n - c) * simd::load(rows.gain + c, n - c);
    const Lanes ds = (g - g_mean - simd::load(rows.normalised + at + c, n - c) * product_mean) * rows.rstd[row];
    simd::store(rows.residual + at + c, ds, n - c);
    if (drops) simd::store(rows.x + at + c, simd::drop(ds, rows.mask, key, c), n - c);
  }
}

FILIGREE_KERNEL void norm_backward_rows(const NormBackwardRows<float>& rows, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; ++row) norm_backward_row(rows, row);
}
FILIGREE_KERNEL void norm_backward_rows(const NormBackwardRows<c10::BFloat16>& rows, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; ++row) norm_backward_row(rows, row);
}

}  // namespace

at::Tensor dropout_kernel(const at::Tensor& input, const Dropout& dropout) {
  const at::Tensor x = input.contiguous();
  at::Tensor y = at::empty_like(x);
  const Mask mask = mask_of(dropout);
  const int64_t channels = x.size(-1);
  with_type(x, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    const T* from = x.const_data_ptr<T>();
    T* to = y.mutable_data_ptr<T>();
    at::parallel_for(0, x.size(0), grain(channels),
                     [&](int64_t begin, int64_t end) { drop_rows(from, to, begin, end, channels, mask); });
  });
  return y;
}

void gelu_kernel(const at::Tensor& x, at::Tensor& y, at::Tensor* slope) {
  with_type(x, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    const T* from = x.const_data_ptr<T>();
    T* to = y.mutable_data_ptr<T>();
    T* slope_to = slope == nullptr ? nullptr : slope->mutable_data_ptr<T>();
    at::parallel_for(0, x.numel(), 16384, [&](int64_t begin, int64_t end) {
      gelu_run(from + begin, to + begin, slope_to == nullptr ? nullptr : slope_to + begin, end - begin);
    });
  });
}

NormResult residual_norm_kernel(const at::Tensor& input, const at::Tensor& residual_in, const at::Tensor& gain,
                                const at::Tensor& bias, double eps, const Dropout& dropout) {
  const at::Tensor x = input.contiguous(), residual = residual_in.contiguous();
  NormResult result{at::empty_like(x), at::empty_like(x), at::empty({x.size(0)}, at::TensorOptions(at::kFloat))};
  with_type(x, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    const NormRows<T> rows{x.const_data_ptr<T>(),
                           residual.const_data_ptr<T>(),
                           gain.const_data_ptr<float>(),
                           bias.const_data_ptr<float>(),
                           result.y.mutable_data_ptr<T>(),
                           result.normalised.mutable_data_ptr<T>(),
                           result.rstd.mutable_data_ptr<float>(),
                           x.size(1),
                           static_cast<float>(eps),
                           mask_of(dropout)};
    at::parallel_for(0, x.size(0), grain(x.size(1)), [&](int64_t begin, int64_t end) {
      std::vector<float> sums(static_cast<size_t>(simd::round_up(x.size(1))));
      norm_rows(rows, begin, end, sums.data());
    });
  });
  return result;
}

NormGradients residual_norm_backward_kernel(const at::Tensor& grad_in, const at::Tensor& normalised,
                                            const at::Tensor& rstd, const at::Tensor& gain, const Dropout& dropout) {
  const at::Tensor grad = grad_in.contiguous();
  NormGradients gradients;
  gradients.residual = at::empty_like(grad);
  gradients.x = dropout.active() ? at::empty_like(grad) : gradients.residual;
  with_type(grad, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    const NormBackwardRows<T> rows{grad.const_data_ptr<T>(),
                                   normalised.const_data_ptr<T>(),
                                   rstd.const_data_ptr<float>(),
                                   gain.const_data_ptr<float>(),
                                   gradients.residual.template mutable_data_ptr<T>(),
                                   gradients.x.template mutable_data_ptr<T>(),
                                   grad.size(1),
                                   mask_of(dropout)};
    at::parallel_for(0, grad.size(0), grain(grad.size(1)),
                     [&](int64_t begin, int64_t end) { norm_backward_rows(rows, begin, end); });
  });
  return gradients;
}

}  // namespace filigree::nn::ops
