// A linear with a gathered weight against a plain one: value, gradients, when it requests the weight, and that it does
// not keep it.
//
// labels: unit
#include "core/nn/lazy_linear.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/sum.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/support/compare.h"

namespace filigree::nn {
namespace {

using test::max_difference;
using test::randn;

/// Returns a fresh copy of the weight for each request, as a gather does.
struct Gather {
  Gather() = default;
  Gather(const Gather&) = delete;  // source refers to this one
  Gather& operator=(const Gather&) = delete;

  std::vector<bool> requests;
  std::vector<c10::weak_intrusive_ptr<c10::StorageImpl>> given;
  std::function<at::Tensor(bool)> source = [this](bool backward) {
    requests.push_back(backward);
    at::Tensor weight = randn("w", {4, 3});
    given.push_back(weight.storage().getWeakStorageImpl());
    return weight;
  };
  int64_t alive() const {
    return std::count_if(given.begin(), given.end(), [](const auto& storage) { return !storage.expired(); });
  }
};

at::Tensor leaf(const char* name, const std::vector<int64_t>& shape, at::ScalarType type = at::kFloat) {
  return randn(name, shape, type).set_requires_grad(true);
}
void backward(const at::Tensor& y) { at::sum(at::mul(y, randn("g", {5, 4}, y.scalar_type()))).backward(); }

class LazyLinear : public testing::TestWithParam<at::ScalarType> {};

TEST_P(LazyLinear, ValueAndGradientsAreThoseOfAPlainOne) {
  const at::ScalarType type = GetParam();
  for (const bool with_bias : {true, false}) {
    Gather gather;
    const at::Tensor x = leaf("x", {5, 3}, type), same_x = leaf("x", {5, 3}, type);
    const at::Tensor b = leaf("b", {4}, type), same_b = leaf("b", {4}, type);
    const at::Tensor plain = at::linear(x, randn("w", {4, 3}).to(type), with_bias ? std::optional(b) : std::nullopt);
    const at::Tensor y = lazy_linear(same_x, gather.source, with_bias ? std::optional(same_b) : std::nullopt);
    EXPECT_TRUE(at::equal(y, plain)) << "with a bias: " << with_bias;
    EXPECT_EQ(y.scalar_type(), type);
    EXPECT_EQ(gather.requests, std::vector<bool>{false});
    backward(plain);
    backward(y);
    EXPECT_EQ(gather.requests, (std::vector<bool>{false, true}));
    const double tolerance = type == at::kFloat ? 1e-5 : 0.1;
    EXPECT_LE(max_difference(same_x.grad(), x.grad()), tolerance);
    ASSERT_EQ(same_b.grad().defined(), with_bias);
    EXPECT_TRUE(!with_bias || max_difference(same_b.grad(), b.grad()) <= tolerance);
  }
}

INSTANTIATE_TEST_SUITE_P(Types, LazyLinear, testing::Values(at::kFloat, at::kBFloat16),
                         [](const auto& type) { return type.param == at::kFloat ? "fp32" : "bf16"; });

TEST(GatheredWeight, IsNotRequestedForABiasAlone) {
  Gather gather;
  const at::Tensor b = leaf("b", {4});
  backward(lazy_linear(randn("x", {5, 3}), gather.source, b));
  EXPECT_EQ(gather.requests, std::vector<bool>{false});
  EXPECT_LE(max_difference(b.grad(), at::sum(randn("g", {5, 4}), 0)), 1e-6);
}

TEST(GatheredWeight, IsKeptNeitherBetweenThePassesNorAfterThem) {
  Gather gather;
  const at::Tensor x = leaf("x", {5, 3});
  const at::Tensor y = lazy_linear(x, gather.source, std::nullopt);
  EXPECT_EQ(gather.alive(), 0) << "between forward and backward";
  backward(y);
  EXPECT_EQ(gather.alive(), 0);
  const at::Tensor plain = at::linear(x, gather.source(false));
  EXPECT_EQ(gather.alive(), 1) << "the control keeps it for its backward pass";
}

/// As a mask or a mixture makes it: from a leaf that trains.
TEST(MadeWeight, NothingKeepsItBetweenThePasses) {
  const at::Tensor trained = leaf("w", {4, 3}), x = leaf("x", {5, 3});
  std::vector<c10::weak_intrusive_ptr<c10::StorageImpl>> made;
  const auto make = [&](bool) {
    at::Tensor weight = at::mul(trained, 2.0);
    made.push_back(weight.storage().getWeakStorageImpl());
    return weight;
  };
  const auto alive = [&] { return std::ranges::count_if(made, [](const auto& one) { return !one.expired(); }); };
  const at::Tensor y = lazy_linear(x, make, std::nullopt, true);
  EXPECT_EQ(alive(), 0) << "between forward and backward";
  backward(y);
  EXPECT_EQ(alive(), 0);
  EXPECT_EQ(made.size(), 2U);
  EXPECT_TRUE(trained.grad().defined());
  const at::Tensor plain = at::linear(x, make(false));
  EXPECT_EQ(alive(), 1) << "the control keeps it for its backward pass";
}

TEST(GatheredWeight, IsRequestedOnceWithoutGradients) {
  Gather gather;
  const at::NoGradGuard no_grad;
  EXPECT_FALSE(lazy_linear(leaf("x", {5, 3}), gather.source, std::nullopt).requires_grad());
  EXPECT_EQ(gather.requests, std::vector<bool>{false});
}

}  // namespace
}  // namespace filigree::nn
