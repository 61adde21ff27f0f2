#include "core/nn/ops/dropout.h"

#include <ATen/ops/add.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/bitwise_and.h>
#include <ATen/ops/bitwise_right_shift.h>
#include <ATen/ops/bitwise_xor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/ge.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/where.h>

#include "core/data/to_device.h"
#include "core/nn/ops/dropout_bits.h"
#include "core/nn/ops/kernels.h"
#include "core/nn/ops/saved_dropout.h"

namespace filigree::nn::ops {
namespace {

/// Logical x >> k: the int64 or int32 tensors hold unsigned numbers.
at::Tensor shift_right(const at::Tensor& x, int64_t k) {
  const int64_t width = x.scalar_type() == at::kLong ? 64 : 32;
  return at::bitwise_and(at::bitwise_right_shift(x, k), (int64_t{1} << (width - k)) - 1);
}

at::Tensor fold(const at::Tensor& x, int64_t k) { return at::bitwise_xor(x, shift_right(x, k)); }

int64_t as_signed(uint64_t value) { return static_cast<int64_t>(value); }
int64_t as_signed(uint32_t value) { return static_cast<int32_t>(value); }

/// random::mix on int64 tensors.
at::Tensor mix(const at::Tensor& x) {
  at::Tensor z = at::add(x, as_signed(uint64_t{0x9e3779b97f4a7c15}));
  z = at::mul(fold(z, 30), as_signed(uint64_t{0xbf58476d1ce4e5b9}));
  z = at::mul(fold(z, 27), as_signed(uint64_t{0x94d049bb133111eb}));
  return fold(z, 31);
}

/// Backward is the same op on the gradient, with a recomputed mask.
struct FusedDropout : torch::autograd::Function<FusedDropout> {
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& x, const Dropout& site) {
    save(ctx, site);
    return dropout_kernel(x, site);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 const torch::autograd::variable_list& grads) {
    return {dropout_kernel(grads[0], saved_dropout(ctx)), {}};
  }
};

}  // namespace

Dropout Dropout::rows(const at::Tensor& index) const {
  return {active() ? keys.index_select(0, index) : keys, site, p};
}

at::Tensor token_keys(const data::Batch& batch, uint64_t seed, int64_t step) {
  at::Tensor keys = at::empty({batch.tokens()}, at::kLong);
  auto* out = keys.mutable_data_ptr<int64_t>();
  for (size_t b = 0; b < batch.samples.size(); ++b) {
    const uint64_t sample = random::stream(seed, "dropout", step, batch.samples[b]);
    for (int64_t t = batch.offsets[b]; t < batch.offsets[b + 1]; ++t) {
      out[t] = as_signed(random::bits(sample, static_cast<uint64_t>(t - batch.offsets[b])));
    }
  }
  return to_device(keys, batch.ids.device());
}

at::Tensor row_keys(const at::Tensor& token_keys, uint64_t site) {
  return mix(at::add(token_keys, as_signed(site * kSiteStride)));
}

at::Tensor head_keys(const at::Tensor& row_keys, const at::Tensor& heads) {
  return mix(at::add(row_keys.unsqueeze(-1), at::mul(at::add(heads, 1), as_signed(kHeadStride))));
}

at::Tensor keep_mask(const at::Tensor& row_keys, int64_t n, uint32_t threshold) {
  const at::Tensor low = row_keys.to(at::kInt).unsqueeze(-1);  // the conversion drops the high half
  const at::Tensor high = at::bitwise_right_shift(row_keys, int64_t{32}).to(at::kInt).unsqueeze(-1);
  const at::Tensor channel = at::arange(n, row_keys.options().dtype(at::kInt));
  at::Tensor x = at::add(at::mul(channel, as_signed(kChannelStride)), low);
  x = fold(at::mul(fold(x, 16), as_signed(kMultiplier1)), 15);
  x = fold(at::mul(at::add(x, high), as_signed(kMultiplier2)), 16);
  const uint32_t sign = 0x80000000U;  // makes the signed comparison an unsigned one
  return at::ge(at::bitwise_xor(x, as_signed(sign)), as_signed(threshold ^ sign));
}

at::Tensor dropout(const at::Tensor& x, const Dropout& site) {
  if (!site.active()) return x;
  if (has_kernel(x)) return FusedDropout::apply(x, site);
  return dropout_by_aten(x, site);
}

at::Tensor dropout_by_aten(const at::Tensor& x, const Dropout& site) {
  const at::Tensor keep = keep_mask(row_keys(site.keys, site.site), x.size(-1), site.threshold());
  return at::where(keep, at::mul(x, site.scale()), 0.0);
}

}  // namespace filigree::nn::ops
