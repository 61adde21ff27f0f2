#include "core/optim/adamw_update.h"

#include <ATen/Parallel.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/sqrt.h>

#include <algorithm>
#include <cmath>

namespace filigree::optim {
namespace {

constexpr int64_t kGrain = 1 << 14;  // minimum number of elements per thread

struct Pointers {
  float* value;
  const float* gradient;
  float* m;
  float* v;
};

void update_range(const Pointers& p, int64_t begin, int64_t end, const StepFactors& factors) {
  const auto scale = static_cast<float>(factors.gradient_scale), eps = static_cast<float>(factors.eps);
  const auto keep = static_cast<float>(factors.keep);
  const auto beta2 = static_cast<float>(factors.beta2);
  const auto rest1 = static_cast<float>(1.0 - factors.beta1), rest2 = static_cast<float>(1.0 - factors.beta2);
  const auto step_size = static_cast<float>(factors.step_size), root = static_cast<float>(factors.root_correction);
  float* __restrict value = p.value;
  float* __restrict m = p.m;
  float* __restrict v = p.v;
  const float* __restrict gradient = p.gradient;
  for (int64_t i = begin; i < end; ++i) {
    const float g = gradient[i] * scale;
    const float first = m[i] + rest1 * (g - m[i]);
    const float second = v[i] * beta2 + rest2 * g * g;
    m[i] = first;
    v[i] = second;
    value[i] = value[i] * keep - step_size * (first / (std::sqrt(second) / root + eps));
  }
}

/// The factors with a range's learning rate and decay.
StepFactors factors_of(const UpdateRange& range, const StepFactors& factors) {
  StepFactors own = factors;
  own.step_size *= range.lr_scale;
  if (range.lr_scale != 1.0) own.keep = 1.0 - (1.0 - factors.keep) * range.lr_scale;
  if (!range.decays) own.keep = 1.0;
  return own;
}

}  // namespace

void update_fused(const FlatBuffers& buffers, const StepFactors& factors, const std::vector<UpdateRange>& ranges) {
  const Pointers pointers{buffers.value.mutable_data_ptr<float>(), buffers.gradient.const_data_ptr<float>(),
                          buffers.m.mutable_data_ptr<float>(), buffers.v.mutable_data_ptr<float>()};
  at::parallel_for(0, buffers.value.numel(), kGrain, [&](int64_t begin, int64_t end) {
    auto range = std::upper_bound(ranges.begin(), ranges.end(), begin,
                                  [](int64_t place, const UpdateRange& r) { return place < r.end; });
    for (; range != ranges.end() && range->begin < end; ++range)
      update_range(pointers, std::max(begin, range->begin), std::min(end, range->end), factors_of(*range, factors));
  });
}

void update_aten(const FlatBuffers& buffers, const StepFactors& factors, const std::vector<UpdateRange>& ranges) {
  at::Tensor m = buffers.m, v = buffers.v;
  const at::Tensor g = at::mul(buffers.gradient, factors.gradient_scale);
  m.lerp_(g, 1.0 - factors.beta1);
  v.mul_(factors.beta2).addcmul_(g, g, 1.0 - factors.beta2);
  const at::Tensor denominator = at::sqrt(v).div_(factors.root_correction).add_(factors.eps);
  for (const UpdateRange& range : ranges) {
    const StepFactors own = factors_of(range, factors);
    const auto part = [&range](const at::Tensor& flat) { return flat.narrow(0, range.begin, range.end - range.begin); };
    if (own.keep != 1.0) part(buffers.value).mul_(own.keep);
    part(buffers.value).addcdiv_(part(m), part(denominator), -own.step_size);
  }
}

}  // namespace filigree::optim
