// Shape suffixes: T packed tokens, B samples of one group, L length of its longest sample, H heads, D head size.
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/where.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/data/to_device.h"
#include "core/nn/ops/attention.h"

namespace filigree::nn::ops {
namespace {

/// Samples padded to the same length.
struct Group {
  int64_t length = 0;
  std::vector<int64_t> samples;
};

/// Longest first; a sample joins the group while at least half of its padded row is real.
std::vector<Group> group_by_length(const std::vector<int64_t>& offsets) {
  std::vector<int64_t> order(offsets.size() - 1);
  std::iota(order.begin(), order.end(), int64_t{0});
  const auto length = [&](int64_t b) { return offsets[static_cast<size_t>(b) + 1] - offsets[static_cast<size_t>(b)]; };
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return length(a) > length(b); });
  std::vector<Group> groups;
  for (int64_t b : order) {
    if (groups.empty() || 2 * length(b) < groups.back().length) groups.push_back({length(b), {}});
    groups.back().samples.push_back(b);
  }
  return groups;
}

/// Maps a group's padded positions to the packed batch.
struct Layout {
  at::Tensor token_BL;  ///< packed row of each position; padding points to the sample's first row
  at::Tensor real_BL;   ///< bool: not padding
};

Layout lay_out(const Group& group, const std::vector<int64_t>& offsets, at::Device device) {
  const auto samples = static_cast<int64_t>(group.samples.size());
  at::Tensor token = at::empty({samples, group.length}, at::kLong);
  at::Tensor real = at::empty({samples, group.length}, at::kBool);
  auto* token_at = token.mutable_data_ptr<int64_t>();
  auto* real_at = real.mutable_data_ptr<bool>();
  for (int64_t b : group.samples) {
    const int64_t begin = offsets[static_cast<size_t>(b)], end = offsets[static_cast<size_t>(b) + 1];
    for (int64_t i = 0; i < group.length; ++i) {
      *real_at++ = begin + i < end;
      *token_at++ = begin + i < end ? begin + i : begin;
    }
  }
  return {to_device(token, device), to_device(real, device)};
}

/// [T, H*D] -> [B, H, L, D]
at::Tensor gather(const at::Tensor& x, const Layout& layout, int64_t heads) {
  const int64_t b = layout.token_BL.size(0), l = layout.token_BL.size(1);
  return x.index_select(0, layout.token_BL.flatten()).view({b, l, heads, x.size(1) / heads}).transpose(1, 2);
}

/// The group's outputs in the order of layout, padding included: [B*L, H*D].
at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const Layout& layout,
                  const at::Tensor& heads, bool causal, const Dropout& dropout) {
  const int64_t h = heads.numel(), l = layout.token_BL.size(1), head_size = q.size(1) / h;
  const double scale = 1.0 / std::sqrt(static_cast<double>(head_size));
  const at::Tensor q_BHLD = gather(q, layout, h), k_BHLD = gather(k, layout, h), v_BHLD = gather(v, layout, h);
  at::Tensor s_BHLL = at::mul(at::matmul(q_BHLD, k_BHLD.transpose(2, 3)).to(at::kFloat), scale);
  at::Tensor seen = layout.real_BL.view({-1, 1, 1, l});
  if (causal) seen = seen.logical_and(at::ones({l, l}, seen.options()).tril());
  at::Tensor p_BHLL = at::softmax(at::where(seen, s_BHLL, -std::numeric_limits<float>::infinity()), -1);
  if (dropout.active()) {
    const at::Tensor rows = row_keys(dropout.keys.index_select(0, layout.token_BL.flatten()), dropout.site);
    const at::Tensor keys = head_keys(rows.view({-1, l}), heads).transpose(1, 2);
    p_BHLL = at::where(keep_mask(keys, l, dropout.threshold()), at::mul(p_BHLL, dropout.scale()), 0.0);
  }
  return at::matmul(p_BHLL.to(v.scalar_type()), v_BHLD).transpose(1, 2).reshape({-1, q.size(1)});
}

}  // namespace

at::Tensor padded_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const AttentionLayout& layout, const Dropout& dropout) {
  const auto& [offsets, heads, causal] = layout;
  const at::Tensor head_numbers = to_device(at::tensor(heads, at::kLong), q.device());
  std::vector<at::Tensor> parts;
  std::vector<int64_t> place(static_cast<size_t>(q.size(0)));  // packed row -> row of the concatenated parts
  int64_t first = 0;                                           // first row of the sample in the concatenated parts
  for (const Group& group : group_by_length(offsets)) {
    parts.push_back(attend(q, k, v, lay_out(group, offsets, q.device()), head_numbers, causal, dropout));
    for (int64_t b : group.samples) {
      const auto begin = place.begin() + offsets[static_cast<size_t>(b)];
      std::iota(begin, place.begin() + offsets[static_cast<size_t>(b) + 1], first);
      first += group.length;
    }
  }
  return at::cat(parts).index_select(0, to_device(at::tensor(place, at::kLong), q.device()));
}

}  // namespace filigree::nn::ops
