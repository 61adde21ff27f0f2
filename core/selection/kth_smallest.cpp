#include "core/selection/kth_smallest.h"

#include <ATen/ops/bincount.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

#include "core/error.h"

namespace filigree::selection {
namespace {

constexpr int kKeyBits = 32;
constexpr int kLargestDigit = 11;         // bits
constexpr uint32_t kSign = 0x8000'0000U;  // added to a key, so that its order is that of unsigned numbers

/// Histogram of the next `bits` bits (after the `done` leading ones) of the keys whose leading bits are `prefix`.
void count_on_cpu(const at::Tensor& keys, uint32_t prefix, int done, int bits, int64_t* counts) {
  const int shift = kKeyBits - done - bits;
  const uint32_t digit = (1U << bits) - 1;
  const at::Tensor flat = keys.contiguous();
  const auto* key = flat.const_data_ptr<int32_t>();
  for (int64_t i = 0; i < flat.numel(); ++i) {
    const uint32_t rest = (static_cast<uint32_t>(key[i]) + kSign) >> shift;
    if (done == 0 || (rest >> bits) == prefix) ++counts[rest & digit];
  }
}

at::Tensor count_anywhere(const at::Tensor& keys, uint32_t prefix, int done, int bits) {
  const at::Tensor rest = keys.flatten().to(at::kLong).add(int64_t{kSign}).bitwise_right_shift(kKeyBits - done - bits);
  const at::Tensor digits =
      rest.masked_select(rest.bitwise_right_shift(bits).eq(int64_t{prefix})).bitwise_and((1 << bits) - 1);
  return at::bincount(digits, {}, int64_t{1} << bits).to(at::kCPU);
}

/// Adds the histogram of a pool's keys to `counts`.
void count(const Tensors& keys, uint32_t prefix, int done, int bits, const at::Tensor& counts) {
  for (const at::Tensor& tensor : keys) {
    if (tensor.device().is_cpu())
      count_on_cpu(tensor, prefix, done, bits, counts.mutable_data_ptr<int64_t>());
    else
      counts.add_(count_anywhere(tensor, prefix, done, bits));
  }
}

/// Goes to the digit that holds the k-th smallest key. counts: by digit.
void step(const int64_t* counts, int bits, int64_t k, uint32_t& prefix, Selection& selection) {
  uint32_t digit = 0;
  while (selection.below + counts[digit] < k) {
    selection.below += counts[digit++];
    FG_CHECK(digit < (1U << bits), "there are fewer than {} keys", k);
  }
  prefix = (prefix << bits) | digit;
  selection.equal = counts[digit];
}

/// Goes to the part of low..high that holds the k-th number. counts: by part.
void narrow(const int64_t* counts, int64_t parts, int64_t& k, int64_t& low, int64_t& high) {
  const int64_t width = (high - low + parts - 1) / parts;
  int64_t part = 0;
  while (part < parts && counts[part] < k) k -= counts[part++];
  FG_CHECK(part < parts, "there are too few numbers");
  low += part * width;
  high = std::min(high, low + width);
}

}  // namespace

at::Tensor key_of(const at::Tensor& values) {
  FG_CHECK(values.scalar_type() == at::kFloat, "keys need fp32 values");
  FG_CHECK(!values.isnan().any().item<bool>(), "scores must be numbers");
  // The bit patterns of values >= 0 have their order; those of negative ones have the reverse order.
  const at::Tensor bits = values.add(0.0).contiguous().view(at::kInt);
  return at::where(bits.ge(0), bits, bits.bitwise_xor(0x7fff'ffff));
}

std::vector<Selection> kth_smallest(const std::vector<Tensors>& pools, const std::vector<int64_t>& k,
                                    const ReduceCounts& reduce) {
  std::vector<Selection> selections(pools.size());
  std::vector<uint32_t> prefixes(pools.size(), 0);
  int done = 0;
  for (const int bits : {kLargestDigit, kLargestDigit, 10}) {
    const at::Tensor counts = at::zeros({static_cast<int64_t>(pools.size()), int64_t{1} << bits}, at::kLong);
    for (size_t i = 0; i < pools.size(); ++i)
      if (k[i] > 0) count(pools[i], prefixes[i], done, bits, counts[static_cast<int64_t>(i)]);
    if (reduce) reduce(counts);
    for (size_t i = 0; i < pools.size(); ++i)
      if (k[i] > 0)
        step(counts[static_cast<int64_t>(i)].const_data_ptr<int64_t>(), bits, k[i], prefixes[i], selections[i]);
    done += bits;
  }
  for (size_t i = 0; i < pools.size(); ++i)
    if (k[i] > 0) selections[i].threshold = static_cast<int32_t>(prefixes[i] - kSign);
  return selections;
}

Selection kth_smallest(const Tensors& keys, int64_t k, const ReduceCounts& reduce) {
  FG_CHECK(k >= 1, "k must be at least 1, not {}", k);
  return kth_smallest(std::vector<Tensors>{keys}, {k}, reduce).front();
}

std::vector<int64_t> kth_number(const std::vector<Tensors>& pools, std::vector<int64_t> k,
                                const std::vector<int64_t>& bound, const ReduceCounts& reduce) {
  constexpr int64_t kParts = 2048;
  std::vector<int64_t> low(pools.size(), 0), high = bound;
  const auto open = [&](size_t i) { return k[i] > 0 && high[i] - low[i] > 1; };
  const auto any_open = [&] {
    for (size_t i = 0; i < pools.size(); ++i)
      if (open(i)) return true;
    return false;
  };
  while (any_open()) {
    const at::Tensor counts = at::zeros({static_cast<int64_t>(pools.size()), kParts}, at::kLong);
    for (size_t i = 0; i < pools.size(); ++i) {
      const int64_t width = (high[i] - low[i] + kParts - 1) / kParts;
      for (const at::Tensor& some : pools[i]) {
        if (!open(i)) continue;
        const at::Tensor inside = some.masked_select(some.ge(low[i]).logical_and(some.lt(high[i])));
        counts[static_cast<int64_t>(i)].add_(
            at::bincount(inside.sub(low[i]).div(width, "floor"), {}, kParts).to(at::kCPU));
      }
    }
    if (reduce) reduce(counts);
    for (size_t i = 0; i < pools.size(); ++i)
      if (open(i)) narrow(counts[static_cast<int64_t>(i)].const_data_ptr<int64_t>(), kParts, k[i], low[i], high[i]);
  }
  for (size_t i = 0; i < pools.size(); ++i)
    if (k[i] == 0) low[i] = -1;
  return low;
}

}  // namespace filigree::selection
