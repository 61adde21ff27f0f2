#pragma once
// Differences between tensors, and seeded tensors.
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include <string>
#include <vector>

#include "core/random.h"

namespace filigree::test {

/// max |a - b| in fp64; both on the CPU.
inline double max_difference(const at::Tensor& a, const at::Tensor& b) {
  if (a.numel() == 0) return 0.0;
  return a.detach().cpu().to(at::kDouble).sub(b.detach().cpu().to(at::kDouble)).abs().max().item<double>();
}

inline double largest_entry(const at::Tensor& a) {
  return a.numel() == 0 ? 0.0 : a.detach().cpu().to(at::kDouble).abs().max().item<double>();
}

/// Standard normal, the same on every machine.
inline at::Tensor randn(const std::string& name, const std::vector<int64_t>& shape, at::ScalarType dtype = at::kFloat) {
  at::Tensor tensor = at::empty(shape, at::kDouble);
  const uint64_t stream = random::stream(7, name);
  auto* value = tensor.mutable_data_ptr<double>();
  for (int64_t i = 0; i < tensor.numel(); ++i) value[i] = random::normal(stream, static_cast<uint64_t>(i));
  return tensor.to(dtype);
}

}  // namespace filigree::test
