// A linear that makes its weight in each pass: result and every gradient against fp64 autograd of the weight written out,
// and that nothing keeps the weight between the passes.
//
// labels: unit
#include "tests/core/adapt/made_weights.h"

#include <ATen/ops/linear.h>
#include <ATen/ops/mul.h>
#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>

#include "tests/support/compare.h"

namespace filigree::adapt {
namespace {

using test::drawn;
using test::largest_entry;
using test::Made;
using test::max_difference;

constexpr double kTolerance = 1e-6;  // of the largest entry

class MadeWeights : public testing::TestWithParam<test::MadeWeight> {};

void compare(const at::Tensor& found, const at::Tensor& wanted, const std::string& name) {
  ASSERT_TRUE(found.defined()) << name;
  EXPECT_GT(largest_entry(wanted), 0) << name << " is compared with nothing";
  EXPECT_LE(max_difference(found, wanted), kTolerance * largest_entry(wanted)) << name;
}

/// A mask of which nothing or everything is left would hide what it covers.
void expect_mixed(const nn::Linear& linear) {
  const LearnedMask* learned = learned_mask(linear);
  const Mixture* mixture = mixture_of(linear);
  at::Tensor bits = learned ? learned->mask()->value() : mixture ? mixture->mixed_by() : at::Tensor();
  if (linear.mask()) bits = linear.mask()->value();
  if (!bits.defined()) return;
  const double share = bits.to(at::kDouble).mean().item<double>();
  EXPECT_GT(share, 0.2);
  EXPECT_LT(share, 0.9);
}

TEST_P(MadeWeights, ResultAndEveryGradientAreThoseOfAutograd) {
  Made made(GetParam());
  nn::Linear& linear = made.linear;
  ASSERT_TRUE(linear.makes_weight());
  expect_mixed(linear);
  test::Leaves leaves;
  const at::Tensor x = drawn(1, {9, linear.in_features()}, 1.0).requires_grad_(true);
  const at::Tensor g = drawn(2, {9, linear.out_features()}, 1.0);
  const at::Tensor same_x = x.detach().to(at::kDouble).requires_grad_(true);
  const at::Tensor weight = test::dense_form(linear, leaves, GetParam().form);
  const at::Tensor wanted = at::linear(same_x, weight, leaves.of(*linear.bias()));
  const at::Tensor y = linear.forward(x);
  compare(y, wanted, "y");
  compare(linear.merged_weight(), weight, "the merged weight");
  y.backward(g);
  wanted.backward(g.to(at::kDouble));
  compare(x.grad(), same_x.grad(), "x");
  int64_t trained = 0;
  for (const nn::ParameterPtr& parameter : made.model.parameters()) {
    if (!parameter->trainable()) continue;
    ASSERT_TRUE(leaves.contains(parameter->name)) << parameter->name;
    compare(parameter->value().grad(), leaves.of(*parameter).grad(), parameter->name);
    ++trained;
  }
  EXPECT_GT(trained, 1) << "the bias is not all that trains";
}

/// Bytes on the CPU that this thread allocated and has not freed.
class LiveBytes : public c10::MemoryReportingInfoBase {
 public:
  void reportMemoryUsage(void*, int64_t size, size_t, size_t, c10::Device device) override {
    if (!device.is_cpu()) return;
    now_ += size;
    most_ = std::max(most_, now_);
  }
  bool memoryProfilingEnabled() const override { return true; }

  int64_t now() const { return now_; }
  int64_t most() const { return most_; }

 private:
  int64_t now_ = 0, most_ = 0;
};

struct Counted {
  std::shared_ptr<LiveBytes> live = std::make_shared<LiveBytes>();
  c10::DebugInfoGuard guard{c10::DebugInfoKind::PROFILER_STATE, live};
};

constexpr int64_t kWidth = 64, kTokens = 4;
constexpr int64_t kWeightBytes = kWidth * kWidth * 4, kMaskBytes = kWidth * kWidth;
constexpr test::ToySizes kSquare{.layers = 1, .heads = 4, .head_size = kWidth / 4, .ffn = kWidth};

/// Less than a mask of one byte per entry stays: not even a copy of that.
TEST_P(MadeWeights, NothingKeepsThemBetweenThePasses) {
  Made made(GetParam(), kSquare);
  const at::Tensor x = drawn(1, {kTokens, kWidth}, 1.0).requires_grad_(true), g = drawn(2, {kTokens, kWidth}, 1.0);
  const Counted counted;
  const at::Tensor y = made.linear.forward(x);
  EXPECT_GE(counted.live->most(), kWeightBytes) << "the weight was made";
  EXPECT_GE(counted.live->now(), static_cast<int64_t>(y.nbytes()));
  EXPECT_LT(counted.live->now(), kMaskBytes) << "between forward and backward";
  y.backward(g);
  auto expected = static_cast<int64_t>(y.nbytes() + x.grad().nbytes());
  for (const nn::ParameterPtr& parameter : made.model.parameters())
    if (parameter->trainable()) expected += static_cast<int64_t>(parameter->value().grad().nbytes());
  EXPECT_LT(counted.live->now(), expected + kMaskBytes) << "after the passes only gradients are left";
}

INSTANTIATE_TEST_SUITE_P(Kinds, MadeWeights, testing::ValuesIn(test::made_weights()),
                         [](const auto& made) { return made.param.name; });

TEST(LiveBytes, CountWhatAutogradKeeps) {
  const at::Tensor weight = drawn(3, {kWidth, kWidth}, 1.0).requires_grad_(true);
  const at::Tensor x = drawn(1, {kTokens, kWidth}, 1.0).requires_grad_(true);
  const at::Tensor mask = drawn(4, {kWidth, kWidth}, 1.0).gt(0).to(at::kByte);
  const Counted counted;
  {
    const at::Tensor y = at::linear(x, at::mul(weight, mask.to(at::kFloat)));
    EXPECT_GE(counted.live->now(), 2 * kWeightBytes) << "the masked weight for x, and the mask for the weight";
  }
  EXPECT_EQ(counted.live->now(), 0);
}

}  // namespace
}  // namespace filigree::adapt
