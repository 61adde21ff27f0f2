// Attention kernel: one task per (sample, head), with all its data in fp32 scratch that stays in the cache.
// Scratch shapes: L tokens of the sample, D head size; rows are padded to a multiple of 16. Scores and probabilities
// are stored as [L keys, L queries]: a query is a lane, so the sums of its softmax run down a column and no
// sum crosses lanes.
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

/// Rows [i, i+kRows) of c = a b, 2 vectors of columns at a time. b: [depth, columns], c: [rows, columns],
/// columns % 16 == 0.
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

/// One head's channels of the rows of a packed tensor: element (t, c) is at[t * stride + c].
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

/// Dropout row keys of a sample's queries for one head, split into halves; empty without dropout.
struct QueryKeys {
  std::vector<uint32_t> low, high;

  QueryKeys(int64_t longest, const Mask& mask) {
    if (mask.keys == nullptr) return;
    low.resize(static_cast<size_t>(round_up(longest)));
    high.resize(low.size());
  }
  void fill(const Mask& mask, int64_t token, int64_t length, int64_t head) {
    if (mask.keys == nullptr) return;
    for (int64_t i = 0; i < length; ++i) {
      const uint64_t key = head_key(mask.row_key(token + i), head);
      low[static_cast<size_t>(i)] = static_cast<uint32_t>(key);
      high[static_cast<size_t>(i)] = static_cast<uint32_t>(key >> 32);
    }
  }
};

/// The keys that queries see: all of the sample, or, if causal, those up to the query.
struct Sight {
  int64_t length;
  bool causal;

  /// One past the last key that any of the queries [i, i + kLanes) sees.
  FILIGREE_INLINE int64_t end(int64_t i) const { return causal ? std::min(length, i + kLanes) : length; }
  /// x in the lanes of those queries [i, i + kLanes) that see key j, `hidden` in the others.
  FILIGREE_INLINE Lanes seen(Lanes x, int64_t i, int64_t j, float hidden) const {
    if (!causal || j <= i) return x;
    return simd::select(simd::lane_numbers() >= static_cast<uint32_t>(j - i), x, simd::splat(hidden));
  }
};

/// Zeros the rows from `from` on in the columns of queries [i, i + kLanes).
FILIGREE_INLINE void clear(float* s, int64_t from, int64_t length, int64_t i) {
  for (int64_t j = from; j < length; ++j) simd::store(s + j * round_up(length) + i, Lanes{});
}

/// s := softmax of scale * s down each column, 0 for unseen keys; dropped := its copy after dropout, if there
/// is dropout. The padding columns hold finite values that are not read.
FILIGREE_KERNEL void softmax(float* s, float* dropped, const Sight& sight, float scale, const Mask& mask,
                             const QueryKeys& keys) {
  const int64_t length = sight.length, width = round_up(length);
  for (int64_t i = 0; i < width; i += kLanes) {
    const int64_t end = sight.end(i);
    Lanes most = simd::load(s + i);
    for (int64_t j = 1; j < end; ++j) {
      const Lanes x = sight.seen(simd::load(s + j * width + i), i, j, std::numeric_limits<float>::lowest());
      most = simd::select(x > most, x, most);
    }
    Lanes total{};
    for (int64_t j = 0; j < end; ++j) {
      const Lanes e = sight.seen(simd::exp((simd::load(s + j * width + i) - most) * scale), i, j, 0.0f);
      simd::store(s + j * width + i, e);
      total += e;
    }
    clear(s, end, length, i);
    const Lanes norm = 1.0f / total;
    if (mask.keys == nullptr) {
      for (int64_t j = 0; j < end; ++j) simd::store(s + j * width + i, simd::load(s + j * width + i) * norm);
      continue;
    }
    clear(dropped, end, length, i);
    const simd::Words low = simd::load_words(keys.low.data() + i), high = simd::load_words(keys.high.data() + i);
    for (int64_t j = 0; j < end; ++j) {
      const Lanes p = simd::load(s + j * width + i) * norm;
      simd::store(s + j * width + i, p);
      simd::store(dropped + j * width + i, simd::drop(p, mask, low, high, j));
    }
  }
}

/// ds := scale * p * (drop(dp) - sum of drop(dp) * p down the column), overwriting dp.
FILIGREE_KERNEL void softmax_backward(const float* p, float* dp, const Sight& sight, float scale, const Mask& mask,
                                      const QueryKeys& keys) {
  const int64_t length = sight.length, width = round_up(length);
  const bool drops = mask.keys != nullptr;
  for (int64_t i = 0; i < width; i += kLanes) {
    simd::Words low{}, high{};
    if (drops) {
      low = simd::load_words(keys.low.data() + i);
      high = simd::load_words(keys.high.data() + i);
    }
    const int64_t end = sight.end(i);
    clear(dp, end, length, i);
    Lanes total{};
    for (int64_t j = 0; j < end; ++j) {
      Lanes g = simd::load(dp + j * width + i);
      if (drops) g = simd::drop(g, mask, low, high, j);
      simd::store(dp + j * width + i, g);
      total += g * simd::load(p + j * width + i);
    }
    for (int64_t j = 0; j < end; ++j) {
      const Lanes g = simd::load(dp + j * width + i) - total;
      simd::store(dp + j * width + i, g * simd::load(p + j * width + i) * scale);
    }
  }
}

/// One thread's scratch memory, sized for the longest sample.
class Scratch {
 public:
  Scratch(int64_t length, int64_t channels, int matrices)
      : rows_(length * round_up(channels)),
        transposed_(channels * round_up(length)),
        square_(length * round_up(length)),
        memory_(static_cast<size_t>(matrices * (rows_ + transposed_ + square_))) {}
  float* rows() { return take(rows_); }              ///< [L, D]
  float* transposed() { return take(transposed_); }  ///< [D, L]
  float* square() { return take(square_); }          ///< [L, L]

 private:
  float* take(int64_t size) {
    float* at = memory_.data() + used_;
    used_ += static_cast<size_t>(size);
    return at;
  }
  int64_t rows_, transposed_, square_;
  std::vector<float> memory_;
  size_t used_ = 0;
};

int64_t longest(const std::vector<int64_t>& offsets) {
  int64_t most = 0;
  for (size_t b = 1; b < offsets.size(); ++b) most = std::max(most, offsets[b] - offsets[b - 1]);
  return most;
}

/// Calls work(first row, length, head index) for the tasks of a chunk.
template <class Work>
void for_tasks(const std::vector<int64_t>& offsets, int64_t heads, int64_t begin, int64_t end, Work&& work) {
  for (int64_t task = begin; task < end; ++task) {
    const auto sample = static_cast<size_t>(task / heads);
    const int64_t length = offsets[sample + 1] - offsets[sample];
    if (length > 0) work(offsets[sample], length, task % heads);
  }
}

/// Rows of one task's q, k and v in a packed tensor.
template <class T>
struct Rows {
  const T* at;
  int64_t stride;
};
template <class T>
Rows<T> rows_at(const at::Tensor& x, int64_t token, int64_t column) {
  return {x.const_data_ptr<T>() + token * x.stride(0) + column, x.stride(0)};
}

/// p [keys, queries] and its copy after dropout for one task. Also leaves q and k as fp32 in scratch.
struct Probabilities {
  float *q, *k, *q_turned, *p, *dropped;

  /// Returns the factor of v: dropped, or p without dropout.
  template <class T>
  const float* compute(const Rows<T>& q_rows, const Rows<T>& k_rows, const Sight& sight, int64_t channels,
                       const Mask& mask, const QueryKeys& keys) const {
    const int64_t length = sight.length;
    widen(q_rows.at, q_rows.stride, length, channels, q);
    widen(k_rows.at, k_rows.stride, length, channels, k);
    transpose(q, length, channels, q_turned);
    multiply({k, round_up(channels), 1}, q_turned, p, length, channels, round_up(length));
    softmax(p, dropped, sight, scale(channels), mask, keys);
    return mask.keys == nullptr ? p : dropped;
  }

  static float scale(int64_t channels) { return 1.0f / std::sqrt(static_cast<float>(channels)); }
};

/// Makes the innermost dimension contiguous; rows may have any stride.
at::Tensor rows_of(const at::Tensor& x) { return x.stride(1) == 1 ? x : x.contiguous(); }

}  // namespace

at::Tensor attention_kernel(const at::Tensor& q_in, const at::Tensor& k_in, const at::Tensor& v_in,
                            const AttentionLayout& layout, const Dropout& dropout) {
  const auto& [offsets, heads, causal] = layout;
  const at::Tensor q = rows_of(q_in), k = rows_of(k_in), v = rows_of(v_in);
  at::Tensor out = at::empty({q.size(0), q.size(1)}, q.options());
  const auto h = static_cast<int64_t>(heads.size());
  const int64_t d = q.size(1) / h, samples = static_cast<int64_t>(offsets.size()) - 1, most = longest(offsets);
  const Mask mask = mask_of(dropout);
  with_type(q, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    T* out_at = out.mutable_data_ptr<T>();
    at::parallel_for(0, samples * h, 1, [&](int64_t begin, int64_t end) {
      Scratch scratch(most, d, 4);
      const Probabilities step{scratch.rows(), scratch.rows(), scratch.transposed(), scratch.square(),
                               scratch.square()};
      float *values = scratch.rows(), *result = scratch.rows();
      QueryKeys keys(most, mask);
      for_tasks(offsets, h, begin, end, [&](int64_t token, int64_t length, int64_t place) {
        const int64_t column = place * d;
        keys.fill(mask, token, length, heads[static_cast<size_t>(place)]);
        const float* p =
            step.compute(rows_at<T>(q, token, column), rows_at<T>(k, token, column), {length, causal}, d, mask, keys);
        const Rows<T> v_rows = rows_at<T>(v, token, column);
        widen(v_rows.at, v_rows.stride, length, d, values);
        multiply({p, 1, round_up(length)}, values, result, length, length, round_up(d));
        narrow(result, length, d, out_at + token * h * d + column, h * d);
      });
    });
  });
  return out;
}

AttentionGradients attention_backward_kernel(const at::Tensor& grad_in, const at::Tensor& q_in, const at::Tensor& k_in,
                                             const at::Tensor& v_in, const AttentionLayout& layout,
                                             const Dropout& dropout) {
  const auto& [offsets, heads, causal] = layout;
  const at::Tensor grad = grad_in.contiguous(), q = rows_of(q_in), k = rows_of(k_in), v = rows_of(v_in);
  const auto h = static_cast<int64_t>(heads.size());
  const int64_t d = q.size(1) / h, samples = static_cast<int64_t>(offsets.size()) - 1, most = longest(offsets);
  AttentionGradients gradients{at::empty_like(grad), at::empty_like(grad), at::empty_like(grad)};
  const Mask mask = mask_of(dropout);
  with_type(q, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    T* dq_at = gradients.q.template mutable_data_ptr<T>();
    T* dk_at = gradients.k.template mutable_data_ptr<T>();
    T* dv_at = gradients.v.template mutable_data_ptr<T>();
    at::parallel_for(0, samples * h, 1, [&](int64_t begin, int64_t end) {
      Scratch scratch(most, d, 5);
      const Probabilities step{scratch.rows(), scratch.rows(), scratch.transposed(), scratch.square(),
                               scratch.square()};
      float *values = scratch.rows(), *out = scratch.rows(), *out_transposed = scratch.transposed(),
            *result = scratch.rows();
      float* ds = scratch.square();
      QueryKeys keys(most, mask);
      for_tasks(offsets, h, begin, end, [&](int64_t token, int64_t length, int64_t place) {
        const int64_t column = place * d, l = round_up(length), width = round_up(d), to = token * h * d + column;
        keys.fill(mask, token, length, heads[static_cast<size_t>(place)]);
        const float* p =
            step.compute(rows_at<T>(q, token, column), rows_at<T>(k, token, column), {length, causal}, d, mask, keys);
        const Rows<T> v_rows = rows_at<T>(v, token, column), out_rows = rows_at<T>(grad, token, column);
        widen(v_rows.at, v_rows.stride, length, d, values);
        widen(out_rows.at, out_rows.stride, length, d, out);
        multiply({p, l, 1}, out, result, length, length, width);  // dv = p^T dout
        narrow(result, length, d, dv_at + to, h * d);
        transpose(out, length, d, out_transposed);
        multiply({values, width, 1}, out_transposed, ds, length, d, l);  // dp = dout v^T, [keys, queries]
        softmax_backward(step.p, ds, {length, causal}, Probabilities::scale(d), mask, keys);
        multiply({ds, 1, l}, step.k, result, length, length, width);  // dq = ds k
        narrow(result, length, d, dq_at + to, h * d);
        multiply({ds, l, 1}, step.q, result, length, length, width);  // dk = ds^T q
        narrow(result, length, d, dk_at + to, h * d);
      });
    });
  });
  return gradients;
}

}  // namespace filigree::nn::ops
