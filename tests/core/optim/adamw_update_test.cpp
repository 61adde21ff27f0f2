// The arithmetic of one AdamW step against its formula in double, its two forms against each other, and the norm.
//
// labels: unit
#include "core/optim/adamw_update.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <vector>

#include "core/error.h"
#include "core/optim/flat_norm.h"
#include "tests/support/compare.h"

namespace filigree::optim {
namespace {

using test::max_difference;
using test::randn;

FlatBuffers random_buffers(int64_t total) {
  return {randn("value", {total}), randn("gradient", {total}), randn("m", {total}).mul_(0.1),
          randn("v", {total}).square_()};
}

/// The two forms of the arithmetic agree, decay by ranges included.
TEST(AdamWUpdate, FusedAndAtenAgree) {
  const int64_t total = 100003;
  const StepFactors factors{0.5, 0.9, 0.999, 1e-8, 2e-3, 0.3, 0.99};
  const std::vector<UpdateRange> ranges = {{0, 10, true}, {10, 33333, false}, {33333, total, true}};
  const FlatBuffers a = random_buffers(total), b = random_buffers(total);
  update_fused(a, factors, ranges);
  update_aten(b, factors, ranges);
  EXPECT_LE(max_difference(a.value, b.value), 1e-6);
  EXPECT_LE(max_difference(a.m, b.m), 1e-7);
  EXPECT_LE(max_difference(a.v, b.v), 1e-6);
  EXPECT_GT(max_difference(a.value, random_buffers(total).value), 1e-3);
}

TEST(AdamWUpdate, TheNumberOfThreadsChangesNoBit) {
  const int64_t total = 300007;
  const std::vector<UpdateRange> ranges = {{0, 100000, true}, {100000, total, false}};
  const int threads = at::get_num_threads();
  std::vector<FlatBuffers> results;
  std::vector<double> norms;
  for (int count : {1, 2, 3, 7}) {
    at::set_num_threads(count);
    results.push_back(random_buffers(total));
    norms.push_back(flat_norm(results.back().gradient));
    update_fused(results.back(), {0.5, 0.9, 0.999, 1e-8, 2e-3, 0.3, 0.99}, ranges);
  }
  at::set_num_threads(threads);
  for (size_t i = 1; i < results.size(); ++i) {
    EXPECT_TRUE(results[i].value.equal(results[0].value));
    EXPECT_EQ(norms[i], norms[0]);
  }
  const double expected = randn("gradient", {total}).to(at::kDouble).norm().item<double>();
  EXPECT_NEAR(norms[0], expected, 1e-9 * expected);
}

/// g = scale * gradient;  m <- b1 m + (1 - b1) g;  v <- b2 v + (1 - b2) g^2;
/// p <- keep p - step_size m / (sqrt(v) / root_correction + eps), with keep = 1 where nothing decays.
TEST(AdamWUpdate, IsTheFormulaInBothForms) {
  const int64_t total = 40;
  const StepFactors f{0.5, 0.8, 0.95, 0.03, 0.2, 0.7, 0.9};
  const std::vector<UpdateRange> ranges = {{0, 7, false}, {7, 30, true}, {30, total, false}};
  const FlatBuffers before = random_buffers(total);
  const at::Tensor value = at::zeros({total}, at::kDouble), first = at::zeros({total}, at::kDouble),
                   second = at::zeros({total}, at::kDouble);
  for (int64_t i = 0; i < total; ++i) {
    const auto at = [i](const at::Tensor& tensor) { return tensor[i].item<double>(); };
    const double g = 0.5 * at(before.gradient);
    const double m = 0.8 * at(before.m) + 0.2 * g, v = 0.95 * at(before.v) + 0.05 * g * g;
    const double keep = i >= 7 && i < 30 ? 0.9 : 1.0;
    first[i].fill_(m), second[i].fill_(v);
    value[i].fill_(keep * at(before.value) - 0.2 * m / (std::sqrt(v) / 0.7 + 0.03));
  }
  for (const auto& update : {update_fused, update_aten}) {
    const FlatBuffers buffers = random_buffers(total);
    update(buffers, f, ranges);
    EXPECT_LE(max_difference(buffers.m, first), 1e-6);
    EXPECT_LE(max_difference(buffers.v, second), 1e-6);
    EXPECT_LE(max_difference(buffers.value, value), 1e-5);
    EXPECT_EQ(max_difference(buffers.gradient, before.gradient), 0.0) << "the gradient is only read";
  }
}

TEST(FlatNorm, OfAnyLengthIsTheRootOfTheSumOfSquares) {
  for (const int64_t total : {1, 7, 8, 9, 16384, 16391, 40000}) {  // around the lanes and blocks of the sum
    const at::Tensor flat = randn("flat", {total}), exact = flat.to(at::kDouble);
    const double expected = std::sqrt(exact.mul(exact).sum().item<double>());
    EXPECT_NEAR(flat_norm(flat), expected, 1e-12 * expected) << total;
  }
  EXPECT_EQ(flat_norm(at::empty({0}, at::kFloat)), 0.0);
  EXPECT_THROW(flat_norm(randn("flat", {4, 4}).t()), InternalError) << "not contiguous";
  EXPECT_THROW(flat_norm(randn("flat", {4}, at::kDouble)), InternalError);
}

}  // namespace
}  // namespace filigree::optim
