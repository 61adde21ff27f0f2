// Shape suffixes: B sequences, L tokens in the longest sequence so far, H heads, D head size.
#include "core/nn/key_value_cache.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"

namespace filigree::nn {

void KeyValueCache::begin_pass(const std::vector<int64_t>& offsets, at::Device device) {
  const size_t sequences = offsets.size() - 1;
  prompts_ = lengths_.empty();
  if (prompts_) lengths_.assign(sequences, 0);
  FG_CHECK(lengths_.size() == sequences, "the pass has {} sequences, but the cache has {}", sequences, lengths_.size());
  std::vector<int64_t> rows;
  for (size_t b = 0; b < sequences; ++b) {
    const int64_t fresh = offsets[b + 1] - offsets[b];
    FG_CHECK(prompts_ || fresh == 1, "a pass after the first has {} tokens of a sequence, not 1", fresh);
    FG_CHECK(lengths_[b] + fresh <= capacity_, "{} tokens exceed the cache capacity of {}", lengths_[b] + fresh,
             capacity_);
    for (int64_t i = 0; i < fresh; ++i) rows.push_back(static_cast<int64_t>(b) * capacity_ + lengths_[b] + i);
    lengths_[b] += fresh;
  }
  rows_ = at::tensor(rows, at::kLong).to(device);
  const int64_t longest = *std::max_element(lengths_.begin(), lengths_.end());
  seen_BL = at::arange(longest, at::kLong).unsqueeze(0).lt(at::tensor(lengths_, at::kLong).unsqueeze(1)).to(device);
}

at::Tensor KeyValueCache::attend(size_t layer, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                 const ops::AttentionLayout& layout) {
  if (layer == 0) begin_pass(layout.offsets, q.device());
  if (layers_.size() <= layer) {
    const std::vector<int64_t> shape{static_cast<int64_t>(lengths_.size()), capacity_, k.size(1)};
    layers_.push_back({at::zeros(shape, k.options()), at::zeros(shape, v.options())});
  }
  Layer& own = layers_[layer];
  if (layout.heads.empty()) return ops::attention(q, k, v, layout, {});
  own.k.view({-1, k.size(1)}).index_copy_(0, rows_, k);
  own.v.view({-1, v.size(1)}).index_copy_(0, rows_, v);
  if (prompts_) return ops::attention(q, k, v, layout, {});
  return attend_to_all(own, q, static_cast<int64_t>(layout.heads.size()));
}

at::Tensor KeyValueCache::attend_to_all(const Layer& layer, const at::Tensor& q, int64_t heads) const {
  const int64_t b = q.size(0), d = q.size(1) / heads, l = seen_BL.size(1);
  const auto split = [&](const at::Tensor& x) { return x.slice(1, 0, l).view({b, l, heads, d}).transpose(1, 2); };
  const at::Tensor q_BH1D = q.view({b, heads, 1, d}), k_BHLD = split(layer.k), v_BHLD = split(layer.v);
  const double scale = 1.0 / std::sqrt(static_cast<double>(d));
  const at::Tensor s_BH1L = at::mul(at::matmul(q_BH1D, k_BHLD.transpose(2, 3)).to(at::kFloat), scale);
  const at::Tensor p_BH1L =
      at::softmax(at::where(seen_BL.view({b, 1, 1, l}), s_BH1L, -std::numeric_limits<float>::infinity()), -1);
  return at::matmul(p_BH1L.to(q.scalar_type()), v_BHLD).reshape({b, heads * d});
}

void KeyValueCache::select(const at::Tensor& from) {
  const at::Tensor numbers = from.cpu();
  std::vector<int64_t> lengths;
  for (int64_t i = 0; i < numbers.numel(); ++i)
    lengths.push_back(lengths_.at(static_cast<size_t>(numbers[i].item<int64_t>())));
  lengths_ = std::move(lengths);
  for (Layer& layer : layers_) {
    layer.k = layer.k.index_select(0, from.to(layer.k.device()));
    layer.v = layer.v.index_select(0, from.to(layer.v.device()));
  }
}

}  // namespace filigree::nn
