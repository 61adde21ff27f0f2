#include "core/optim/flat_norm.h"

#include <ATen/Parallel.h>
#include <ATen/ops/linalg_vector_norm.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "core/error.h"

namespace filigree::optim {
namespace {

constexpr int64_t kNormBlock = 1 << 14;  // elements per partial sum
constexpr int64_t kLanes = 8;            // independent sums, so that the compiler can use vector registers

double sum_of_squares(const float* value, int64_t count) {
  double lanes[kLanes] = {};
  const int64_t whole = count / kLanes * kLanes;
  for (int64_t i = 0; i < whole; i += kLanes)
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      const double x = value[i + lane];
      lanes[lane] += x * x;
    }
  for (int64_t i = whole; i < count; ++i) lanes[i - whole] += static_cast<double>(value[i]) * value[i];
  double sum = 0;
  for (double lane : lanes) sum += lane;
  return sum;
}

}  // namespace

double flat_norm(const at::Tensor& flat) {
  FG_CHECK(flat.scalar_type() == at::kFloat && flat.is_contiguous(), "the flat gradient must be contiguous fp32");
  if (!flat.is_cpu()) return at::linalg_vector_norm(flat, 2, {}, false, at::kDouble).item<double>();
  const auto* value = flat.const_data_ptr<float>();
  const int64_t total = flat.numel(), blocks = (total + kNormBlock - 1) / kNormBlock;
  std::vector<double> partial(static_cast<size_t>(blocks));
  at::parallel_for(0, blocks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) {
      const int64_t first = block * kNormBlock;
      partial[static_cast<size_t>(block)] = sum_of_squares(value + first, std::min(kNormBlock, total - first));
    }
  });
  double sum = 0;
  for (double part : partial) sum += part;
  return std::sqrt(sum);
}

}  // namespace filigree::optim
