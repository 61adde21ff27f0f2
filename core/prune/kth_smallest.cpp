#include "core/prune/kth_smallest.h"

#include <ATen/ops/bincount.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

#include "core/error.h"

namespace filigree::prune {
namespace {

constexpr int kKeyBits = 31;  // keys are non-negative int32

/// Histogram of the next `bits` bits (after the `done` leading ones) of the keys whose leading bits are `prefix`.
void count_on_cpu(const at::Tensor& keys, int32_t prefix, int done, int bits, int64_t* counts) {
  const int shift = kKeyBits - done - bits;
  const int32_t digit = (1 << bits) - 1;
  const at::Tensor flat = keys.contiguous();
  const int32_t* key = flat.data_ptr<int32_t>();
  for (int64_t i = 0; i < flat.numel(); ++i) {
    const int32_t rest = key[i] >> shift;
    if ((rest >> bits) == prefix) ++counts[rest & digit];
  }
}

at::Tensor count_anywhere(const at::Tensor& keys, int32_t prefix, int done, int bits) {
  const at::Tensor rest = keys.flatten().bitwise_right_shift(kKeyBits - done - bits);
  const at::Tensor digits = rest.masked_select(rest.bitwise_right_shift(bits).eq(prefix)).bitwise_and((1 << bits) - 1);
  return at::bincount(digits, {}, int64_t{1} << bits).to(at::kCPU);
}

at::Tensor histogram(const std::vector<at::Tensor>& keys, int32_t prefix, int done, int bits) {
  at::Tensor counts = at::zeros({int64_t{1} << bits}, at::kLong);
  for (const at::Tensor& tensor : keys) {
    if (tensor.device().is_cpu()) {
      count_on_cpu(tensor, prefix, done, bits, counts.data_ptr<int64_t>());
    } else {
      counts.add_(count_anywhere(tensor, prefix, done, bits));
    }
  }
  return counts;
}

}  // namespace

at::Tensor key_of(const at::Tensor& values) {
  FG_CHECK(values.scalar_type() == at::kFloat, "keys need fp32 values");
  // NaN also fails the comparison; -0 passes and becomes +0.
  FG_CHECK(values.ge(0).all().item<bool>(), "scores must be non-negative numbers");
  return values.abs().contiguous().view(at::kInt).add(1);
}

Selection kth_smallest(const std::vector<at::Tensor>& keys, int64_t k, const ReduceCounts& reduce) {
  FG_CHECK(k >= 1, "k must be at least 1, not {}", k);
  Selection selection;
  int done = 0;
  for (const int bits : {11, 10, 10}) {
    at::Tensor counts = histogram(keys, selection.threshold, done, bits);
    if (reduce) reduce(counts);
    const int64_t* count = counts.data_ptr<int64_t>();
    int32_t digit = 0;
    while (selection.below + count[digit] < k) {
      selection.below += count[digit++];
      FG_CHECK(digit < (1 << bits), "there are fewer than {} keys", k);
    }
    selection.threshold = (selection.threshold << bits) | digit;
    selection.equal = count[digit];
    done += bits;
  }
  return selection;
}

int64_t kth_number(const std::vector<at::Tensor>& numbers, int64_t k, int64_t bound, const ReduceCounts& reduce) {
  constexpr int64_t kParts = 2048;
  int64_t low = 0, high = bound;
  while (high - low > 1) {
    const int64_t width = (high - low + kParts - 1) / kParts;
    at::Tensor counts = at::zeros({kParts}, at::kLong);
    for (const at::Tensor& some : numbers) {
      const at::Tensor inside = some.masked_select(some.ge(low).logical_and(some.lt(high)));
      counts.add_(at::bincount(inside.sub(low).div(width, "floor"), {}, kParts).to(at::kCPU));
    }
    if (reduce) reduce(counts);
    const int64_t* count = counts.const_data_ptr<int64_t>();
    int64_t part = 0;
    while (part < kParts && count[part] < k) k -= count[part++];
    FG_CHECK(part < kParts, "there are too few numbers");
    low += part * width;
    high = std::min(high, low + width);
  }
  return low;
}

}  // namespace filigree::prune
