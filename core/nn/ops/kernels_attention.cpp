// Attention kernel: one task a (sample, head), everything of it in fp32 scratch that stays in the cache.
// Scratch shapes: L tokens of the sample, D head size; rows are padded with zeros to a multiple of 16.
#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/error.h"
#include "core/nn/ops/kernels.h"

namespace filigree::nn::ops {
namespace {

using simd::kLanes;
using simd::Lanes;
using simd::Mask;
using simd::round_up;

/// A matrix whose element (i, k) is at[i * row + k * column].
struct View {
  const float* at;
  int64_t row, column;
};

/// Rows i .. i+kRows of c = a b, 2 vectors of columns at a time. b: [depth, columns], c: [rows, columns], columns % 16 == 0.
template <int kRows>
FILIGREE_INLINE void multiply_rows(const View& a, const float* b, float* c, int64_t i, int64_t depth, int64_t columns) {
  for (int64_t j = 0; j < columns; j += 2 * kLanes) {
    const bool both = j + kLanes < columns;
    Lanes left[kRows] = {}, right[kRows] = {};
    for (int64_t k = 0; k < depth; ++k) {
      const float* b_row = b + k * columns + j;
      const Lanes b_left = simd::load(b_row), b_right = both ? simd::load(b_row + kLanes) : Lanes{};
      const float* a_at = a.at + i * a.row + k * a.column;
      for (int r = 0; r < kRows; ++r) {
        left[r] += a_at[r * a.row] * b_left;
        right[r] += a_at[r * a.row] * b_right;
      }
    }
    for (int r = 0; r < kRows; ++r) {
      simd::store(c + (i + r) * columns + j, left[r]);
      if (both) simd::store(c + (i + r) * columns + j + kLanes, right[r]);
    }
  }
}

FILIGREE_KERNEL void multiply(const View& a, const float* b, float* c, int64_t rows, int64_t depth, int64_t columns) {
  int64_t i = 0;
  for (; i + 6 <= rows; i += 6) multiply_rows<6>(a, b, c, i, depth, columns);
  for (; i + 2 <= rows; i += 2) multiply_rows<2>(a, b, c, i, depth, columns);
  for (; i < rows; ++i) multiply_rows<1>(a, b, c, i, depth, columns);
}

/// Rows of a packed tensor, one head's channels: element (t, c) is at[t * stride + c].
template <class T>
FILIGREE_INLINE void load_rows(const T* from, int64_t stride, int64_t rows, int64_t channels, float* to) {
  const int64_t width = round_up(channels);
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t c = 0; c < channels; c += kLanes) {
      simd::store(to + i * width + c, simd::load(from + i * stride + c, channels - c));
    }
  }
}
FILIGREE_KERNEL void widen(const float* from, int64_t stride, int64_t rows, int64_t channels, float* to) {
  load_rows(from, stride, rows, channels, to);
}
FILIGREE_KERNEL void widen(const c10::BFloat16* from, int64_t stride, int64_t rows, int64_t channels, float* to) {
  load_rows(from, stride, rows, channels, to);
}

template <class T>
FILIGREE_INLINE void store_rows(const float* from, int64_t rows, int64_t channels, T* to, int64_t stride) {
  const int64_t width = round_up(channels);
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t c = 0; c < channels; c += kLanes) {
      simd::store(to + i * stride + c, simd::load(from + i * width + c), channels - c);
    }
  }
}
FILIGREE_KERNEL void narrow(const float* from, int64_t rows, int64_t channels, float* to, int64_t stride) {
  store_rows(from, rows, channels, to, stride);
}
FILIGREE_KERNEL void narrow(const float* from, int64_t rows, int64_t channels, c10::BFloat16* to, int64_t stride) {
  store_rows(from, rows, channels, to, stride);
}

/// [rows, width] -> [channels, round_up(rows)], zeros in the padding.
void transpose(const float* from, int64_t rows, int64_t channels, float* to) {
  const int64_t width = round_up(channels), height = round_up(rows);
  for (int64_t c = 0; c < channels; ++c) {
    for (int64_t i = 0; i < rows; ++i) to[c * height + i] = from[i * width + c];
    std::fill(to + c * height + rows, to + (c + 1) * height, 0.0f);
  }
}

/// s := softmax of each row of scale * s over the first `length` columns, zeros behind; dropped := its dropped-out copy.
FILIGREE_KERNEL void softmax(float* s, float* dropped, int64_t length, float scale, const Mask& mask, int64_t token,
                             int64_t head) {
  const int64_t width = round_up(length);
  for (int64_t i = 0; i < length; ++i) {
    float* row = s + i * width;
    Lanes most = simd::splat(-std::numeric_limits<float>::infinity());
    for (int64_t j = 0; j < width; j += kLanes) {
      const auto inside = reinterpret_cast<simd::Ints>(simd::lane_numbers() < static_cast<uint32_t>(length - j));
      const Lanes x = simd::load(row + j);
      most = simd::select(reinterpret_cast<simd::Ints>(x > most) & inside, x, most);
    }
    const float top = simd::maximum(most);
    Lanes total{};
    for (int64_t j = 0; j < width; j += kLanes) {
      const auto inside = reinterpret_cast<simd::Ints>(simd::lane_numbers() < static_cast<uint32_t>(length - j));
      const Lanes e = simd::select(inside, simd::exp((simd::load(row + j) - top) * scale), Lanes{});
      simd::store(row + j, e);
      total += e;
    }
    const float norm = 1.0f / simd::sum(total);
    const uint64_t key = mask.keys == nullptr ? 0 : head_key(mask.row_key(token + i), head);
    for (int64_t j = 0; j < width; j += kLanes) {
      const Lanes p = simd::load(row + j) * norm;
      simd::store(row + j, p);
      if (mask.keys != nullptr) simd::store(dropped + i * width + j, simd::drop(p, mask, key, j));
    }
  }
}

/// ds := scale * p * (drop(dp) - sum(drop(dp) * p)), in place of dp.
FILIGREE_KERNEL void softmax_backward(const float* p, float* dp, int64_t length, float scale, const Mask& mask, int64_t token,
                                      int64_t head) {
  const int64_t width = round_up(length);
  for (int64_t i = 0; i < length; ++i) {
    const uint64_t key = mask.keys == nullptr ? 0 : head_key(mask.row_key(token + i), head);
    Lanes total{};
    for (int64_t j = 0; j < width; j += kLanes) {
      Lanes g = simd::load(dp + i * width + j);
      if (mask.keys != nullptr) g = simd::drop(g, mask, key, j);
      simd::store(dp + i * width + j, g);
      total += g * simd::load(p + i * width + j);
    }
    const float mean = simd::sum(total);
    for (int64_t j = 0; j < width; j += kLanes) {
      const Lanes g = simd::load(dp + i * width + j) - mean;
      simd::store(dp + i * width + j, g * simd::load(p + i * width + j) * scale);
    }
  }
}

/// One thread's memory for the longest sample.
class Scratch {
 public:
  Scratch(int64_t length, int64_t channels, int matrices)
      : rows_(length * round_up(channels)), turned_(channels * round_up(length)), square_(length * round_up(length)),
        memory_(static_cast<size_t>(matrices * (rows_ + turned_ + square_))) {}
  float* rows() { return take(rows_); }      ///< [L, D]
  float* turned() { return take(turned_); }  ///< [D, L]
  float* square() { return take(square_); }  ///< [L, L]

 private:
  float* take(int64_t size) {
    float* at = memory_.data() + used_;
    used_ += static_cast<size_t>(size);
    return at;
  }
  int64_t rows_, turned_, square_;
  std::vector<float> memory_;
  size_t used_ = 0;
};

int64_t longest(const std::vector<int64_t>& offsets) {
  int64_t most = 0;
  for (size_t b = 1; b < offsets.size(); ++b) most = std::max(most, offsets[b] - offsets[b - 1]);
  return most;
}

/// Calls work(first row, length, head's place) for the tasks of a chunk.
template <class Work>
void for_tasks(const std::vector<int64_t>& offsets, int64_t heads, int64_t begin, int64_t end, Work&& work) {
  for (int64_t task = begin; task < end; ++task) {
    const auto sample = static_cast<size_t>(task / heads);
    const int64_t length = offsets[sample + 1] - offsets[sample];
    if (length > 0) work(offsets[sample], length, task % heads);
  }
}

/// p and its dropped-out copy (p itself without dropout) for one task. Leaves q and k widened.
struct Probabilities {
  float *q, *k, *k_turned, *p, *dropped;

  template <class T>
  const float* compute(const T* q_at, int64_t q_stride, const T* k_at, int64_t k_stride, int64_t length, int64_t channels,
                       const Mask& mask, int64_t token, int64_t head) const {
    widen(q_at, q_stride, length, channels, q);
    widen(k_at, k_stride, length, channels, k);
    transpose(k, length, channels, k_turned);
    multiply({q, round_up(channels), 1}, k_turned, p, length, channels, round_up(length));
    softmax(p, dropped, length, softmax_scale(channels), mask, token, head);
    return mask.keys == nullptr ? p : dropped;
  }

  static float softmax_scale(int64_t channels) { return 1.0f / std::sqrt(static_cast<float>(channels)); }
};

/// The innermost dimension adjacent, rows at any stride.
at::Tensor rows_of(const at::Tensor& x) { return x.stride(1) == 1 ? x : x.contiguous(); }

}  // namespace

at::Tensor attention_kernel(const at::Tensor& q_in, const at::Tensor& k_in, const at::Tensor& v_in,
                            const std::vector<int64_t>& offsets, const std::vector<int64_t>& heads,
                            const Dropout& dropout) {
  const at::Tensor q = rows_of(q_in), k = rows_of(k_in), v = rows_of(v_in);
  at::Tensor out = at::empty({q.size(0), q.size(1)}, q.options());
  const auto h = static_cast<int64_t>(heads.size());
  const int64_t d = q.size(1) / h, samples = static_cast<int64_t>(offsets.size()) - 1, most = longest(offsets);
  const Mask mask = mask_of(dropout);
  with_type(q, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    const T *q_at = q.const_data_ptr<T>(), *k_at = k.const_data_ptr<T>(), *v_at = v.const_data_ptr<T>();
    T* out_at = out.mutable_data_ptr<T>();
    at::parallel_for(0, samples * h, 1, [&](int64_t begin, int64_t end) {
      Scratch scratch(most, d, 4);
      const Probabilities step{scratch.rows(), scratch.rows(), scratch.turned(), scratch.square(), scratch.square()};
      float *values = scratch.rows(), *result = scratch.rows();
      for_tasks(offsets, h, begin, end, [&](int64_t token, int64_t length, int64_t place) {
        const int64_t column = place * d;
        const float* p = step.compute(q_at + token * q.stride(0) + column, q.stride(0),
                                      k_at + token * k.stride(0) + column, k.stride(0), length, d, mask, token,
                                      heads[static_cast<size_t>(place)]);
        widen(v_at + token * v.stride(0) + column, v.stride(0), length, d, values);
        multiply({p, round_up(length), 1}, values, result, length, length, round_up(d));
        narrow(result, length, d, out_at + token * h * d + column, h * d);
      });
    });
  });
  return out;
}

AttentionGradients attention_backward_kernel(const at::Tensor& grad_in, const at::Tensor& q_in, const at::Tensor& k_in,
                                             const at::Tensor& v_in, const std::vector<int64_t>& offsets,
                                             const std::vector<int64_t>& heads, const Dropout& dropout) {
  const at::Tensor grad = grad_in.contiguous(), q = rows_of(q_in), k = rows_of(k_in), v = rows_of(v_in);
  const auto h = static_cast<int64_t>(heads.size());
  const int64_t d = q.size(1) / h, samples = static_cast<int64_t>(offsets.size()) - 1, most = longest(offsets);
  AttentionGradients gradients{at::empty_like(grad), at::empty_like(grad), at::empty_like(grad)};
  const Mask mask = mask_of(dropout);
  with_type(q, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    const T *q_at = q.const_data_ptr<T>(), *k_at = k.const_data_ptr<T>(), *v_at = v.const_data_ptr<T>();
    const T* grad_at = grad.const_data_ptr<T>();
    T* dq_at = gradients.q.template mutable_data_ptr<T>();
    T* dk_at = gradients.k.template mutable_data_ptr<T>();
    T* dv_at = gradients.v.template mutable_data_ptr<T>();
    at::parallel_for(0, samples * h, 1, [&](int64_t begin, int64_t end) {
      Scratch scratch(most, d, 5);
      const Probabilities step{scratch.rows(), scratch.rows(), scratch.turned(), scratch.square(), scratch.square()};
      float *values = scratch.rows(), *values_turned = scratch.turned(), *out = scratch.rows(), *result = scratch.rows();
      float* ds = scratch.square();
      for_tasks(offsets, h, begin, end, [&](int64_t token, int64_t length, int64_t place) {
        const int64_t column = place * d, l = round_up(length), width = round_up(d), head = heads[static_cast<size_t>(place)];
        const int64_t to = token * h * d + column;
        const float* p = step.compute(q_at + token * q.stride(0) + column, q.stride(0),
                                      k_at + token * k.stride(0) + column, k.stride(0), length, d, mask, token, head);
        widen(v_at + token * v.stride(0) + column, v.stride(0), length, d, values);
        widen(grad_at + to, h * d, length, d, out);
        multiply({p, 1, l}, out, result, length, length, width);  // dv = p^T dout
        narrow(result, length, d, dv_at + to, h * d);
        transpose(values, length, d, values_turned);
        multiply({out, width, 1}, values_turned, ds, length, d, l);  // dp = dout v^T
        softmax_backward(step.p, ds, length, Probabilities::softmax_scale(d), mask, token, head);
        multiply({ds, l, 1}, step.k, result, length, length, width);  // dq = ds k
        narrow(result, length, d, dq_at + to, h * d);
        multiply({ds, 1, l}, step.q, result, length, length, width);  // dk = ds^T q
        narrow(result, length, d, dk_at + to, h * d);
      });
    });
  });
  return gradients;
}

}  // namespace filigree::nn::ops
