// Linear against sums written out: bias, mask, adapter, hooks, a weight split by its inputs, bf16, and gradients.
//
// labels: unit
#include "core/nn/linear.h"

#include <ATen/ops/add.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "core/error.h"
#include "core/nn/adapter.h"
#include "tests/support/compare.h"

namespace filigree::nn {
namespace {

using test::largest_entry;
using test::max_difference;
using test::randn;

at::Tensor numbers(int64_t rows, int64_t columns) {
  return at::mul(at::arange(1, rows * columns + 1).view({rows, columns}).to(at::kFloat), 0.1);
}
at::Tensor index(const std::vector<int64_t>& values) { return at::tensor(values, at::kLong); }
at::Tensor every_other(int64_t rows, int64_t columns) {
  return at::arange(1, rows * columns + 1).remainder(2).view({rows, columns}).to(at::kByte);
}

/// y + x D^T for a fixed D.
class Constant final : public Adapter {
 public:
  explicit Constant(at::Tensor d) : d_(std::move(d)) {}
  at::Tensor forward(const at::Tensor& x, const at::Tensor& y) const override {
    return at::add(y, at::matmul(x, d_.t()));
  }
  at::Tensor dense() const override { return d_; }
  at::Tensor delta() const override { return d_; }
  std::vector<ParameterPtr> parameters() const override { return {}; }
  std::vector<Reslice> reslice(int64_t dim, const AxisChange& change) override {
    d_ = d_.index_select(dim, change.kept);
    return {};
  }
  std::string kind() const override { return "constant"; }

 private:
  at::Tensor d_;
};

/// Records what it is given and returns 3 y.
class Recorder final : public Adapter {
 public:
  at::Tensor forward(const at::Tensor& x, const at::Tensor& y) const override {
    seen_x = x.clone();
    seen_y = y.clone();
    return at::mul(y, 3);
  }
  at::Tensor dense() const override { return {}; }
  at::Tensor delta() const override { return {}; }
  std::vector<ParameterPtr> parameters() const override { return {}; }
  std::vector<Reslice> reslice(int64_t, const AxisChange&) override { return {}; }
  std::string kind() const override { return "recorder"; }

  mutable at::Tensor seen_x, seen_y;
};

/// sum_i x[t][i] w[o][i] + b[o], entry by entry in double; without b if it is undefined.
at::Tensor written_out(const at::Tensor& x, const at::Tensor& w, const at::Tensor& b = {}) {
  const at::Tensor y = at::zeros({x.size(0), w.size(0)}, at::kDouble);
  for (int64_t t = 0; t < x.size(0); ++t)
    for (int64_t o = 0; o < w.size(0); ++o) {
      double sum = b.defined() ? b[o].item<double>() : 0;
      for (int64_t i = 0; i < x.size(1); ++i) sum += x[t][i].item<double>() * w[o][i].item<double>();
      y[t][o].fill_(sum);
    }
  return y;
}

class LinearTest : public testing::Test {
 protected:
  ParameterTable table;
  ParameterPtr weight = table.add("l.weight", numbers(4, 3));
  ParameterPtr bias = table.add("l.bias", numbers(1, 4).squeeze(0));
  Linear linear{"l", weight, bias};
  at::Tensor x = numbers(2, 3);
  at::Tensor plain() const { return at::add(at::matmul(x, weight->value().t()), bias->value()); }
};

TEST_F(LinearTest, MultipliesAndAddsItsBias) {
  EXPECT_LE(max_difference(linear.forward(x), written_out(x, weight->value(), bias->value())), 1e-5);
  const Linear without("m", weight, nullptr);
  EXPECT_LE(max_difference(without.forward(x), written_out(x, weight->value())), 1e-5);
  EXPECT_EQ(without.bias(), nullptr);
  EXPECT_EQ(linear.out_features(), 4);
  EXPECT_EQ(linear.in_features(), 3);
}

TEST_F(LinearTest, RefusesShapesThatDoNotFit) {
  EXPECT_THROW(Linear("l", bias, nullptr), InternalError) << "a weight of one dimension";
  EXPECT_THROW(Linear("l", weight, table.add("short", at::zeros({3}, at::kFloat))), InternalError);
  EXPECT_THROW(linear.set_mask(table.add("m", at::ones({3, 4}, at::kByte), Role::mask)), InternalError);
}

TEST_F(LinearTest, ComputesInTheTypeOfItsInput) {
  EXPECT_TRUE(at::equal(linear.forward(x), plain()));
  table.set_role(*weight, Role::trainable);
  const at::Tensor half = randn("x", {5, 3}, at::kBFloat16);
  const at::Tensor y = linear.forward(half);
  EXPECT_EQ(y.scalar_type(), at::kBFloat16);
  const auto rounded = [](const ParameterPtr& parameter) { return parameter->value().detach().to(at::kBFloat16); };
  const at::Tensor expected = written_out(half, rounded(weight), rounded(bias));
  EXPECT_LE(max_difference(y, expected), largest_entry(expected) / 64) << "bf16 has 8 bits";
  const at::Tensor g = randn("g", {5, 4}, at::kBFloat16);
  at::sum(at::mul(y, g)).backward();
  const at::Tensor grad = weight->value().grad();
  EXPECT_EQ(grad.scalar_type(), at::kFloat);
  const at::Tensor expected_grad = written_out(g.t(), half.t());
  EXPECT_LE(max_difference(grad, expected_grad), largest_entry(expected_grad) / 32);
}

/// With y = x W^T + b and the loss sum(g y): dW = g^T x, db = sum_t g, dx = g W.
TEST_F(LinearTest, GradientsOfTrainableWeightBiasAndInput) {
  const at::Tensor g = randn("g", {2, 4});
  const auto backward = [&] {
    const at::Tensor leaf = x.clone().set_requires_grad(true);
    at::sum(at::mul(linear.forward(leaf), g)).backward();
    return leaf.grad();
  };
  EXPECT_LE(max_difference(backward(), written_out(g, weight->value().t())), 1e-5);
  EXPECT_FALSE(weight->value().grad().defined()) << "a frozen weight has no gradient";
  table.set_role(*weight, Role::trainable);
  table.set_role(*bias, Role::trainable);
  EXPECT_LE(max_difference(backward(), written_out(g, weight->value().t())), 1e-5);
  EXPECT_LE(max_difference(weight->value().grad(), written_out(g.t(), x.t())), 1e-5);
  EXPECT_LE(max_difference(bias->value().grad(), at::sum(g, 0)), 1e-5);
}

/// input hook -> weight and bias -> adapter -> output hook
TEST_F(LinearTest, AdapterReadsTheHookedInputAndTheBiasedOutput) {
  const auto adapter = std::make_shared<Recorder>();
  linear.set_adapter(adapter);
  linear.input_hook = [](const at::Tensor& input) { return at::add(input, 2); };
  linear.output_hook = [](const at::Tensor& output) { return at::add(output, 10); };
  const at::Tensor y = linear.forward(x);
  const at::Tensor input = at::add(x, 2), base = written_out(input, weight->value(), bias->value());
  EXPECT_TRUE(at::equal(adapter->seen_x, input));
  EXPECT_LE(max_difference(adapter->seen_y, base), 1e-5);
  EXPECT_LE(max_difference(y, at::add(at::mul(base, 3), 10)), 1e-5);
  linear.set_adapter(nullptr);
  EXPECT_EQ(linear.adapter(), nullptr);
  EXPECT_LE(max_difference(linear.forward(x), at::add(base, 10)), 1e-5);
}

TEST_F(LinearTest, HooksAndAdapterStandWhereTheyBelong) {
  linear.set_adapter(std::make_shared<Constant>(numbers(4, 3)));
  const at::Tensor with_adapter = at::add(plain(), at::matmul(x, numbers(4, 3).t()));
  EXPECT_TRUE(at::equal(linear.forward(x), with_adapter));
  EXPECT_TRUE(at::equal(linear.merged_weight(), at::add(weight->value(), numbers(4, 3))));
  linear.input_hook = [](const at::Tensor& input) { return at::mul(input, 0); };
  linear.output_hook = [](const at::Tensor& output) { return at::mul(output, 2); };
  EXPECT_TRUE(at::equal(linear.forward(x)[0], at::mul(bias->value(), 2)));
}

/// A weight that is split by its inputs gives a partial sum; the hook sums the parts, so the bias comes after it.
TEST_F(LinearTest, APartialSumGetsItsBiasAfterTheOutputHook) {
  const auto adapter = std::make_shared<Recorder>();
  weight->placement = {1, {0, 3}};
  linear.set_adapter(adapter);
  linear.output_hook = [](const at::Tensor& output) { return at::mul(output, 2); };
  const at::Tensor partial = written_out(x, weight->value());
  EXPECT_LE(max_difference(linear.forward(x), at::add(at::mul(partial, 6), bias->value())), 1e-5);
  EXPECT_LE(max_difference(adapter->seen_y, partial), 1e-5) << "the adapter must not see the bias";
  weight->placement = {0, {0, 4}};
  EXPECT_LE(max_difference(linear.forward(x), at::mul(written_out(x, weight->value(), bias->value()), 6)), 1e-5);
}

TEST_F(LinearTest, AMaskHoldsForFrozenAndTrainableWeights) {
  const at::Tensor pattern = every_other(4, 3);
  const at::Tensor masked = at::mul(numbers(4, 3), pattern.to(at::kFloat));
  const at::Tensor expected = at::add(at::matmul(x, masked.t()), bias->value());
  table.set_role(*weight, Role::trainable);
  linear.set_mask(table.add("l.mask", pattern, Role::mask));
  EXPECT_TRUE(at::equal(weight->value(), numbers(4, 3))) << "a trainable weight keeps its masked entries";
  const at::Tensor y = linear.forward(x);
  EXPECT_TRUE(at::equal(y, expected));
  EXPECT_TRUE(at::equal(linear.merged_weight(), masked));
  const at::Tensor g = randn("g", {2, 4});
  at::sum(at::mul(y, g)).backward();
  const at::Tensor grad = at::mul(written_out(g.t(), x.t()), pattern.to(at::kDouble));
  EXPECT_LE(max_difference(weight->value().grad(), grad), 1e-5) << "a masked entry has no gradient";
  table.set_role(*weight, Role::frozen);
  EXPECT_TRUE(at::equal(linear.forward(x), expected));
  EXPECT_TRUE(at::equal(weight->value(), masked)) << "a frozen weight is multiplied once";
  EXPECT_TRUE(at::equal(linear.merged_weight(), masked));
}

TEST_F(LinearTest, AReplacedFrozenWeightIsMaskedAgain) {
  const at::Tensor pattern = every_other(4, 3);
  linear.set_mask(table.add("l.mask", pattern, Role::mask));
  const at::Tensor loaded = randn("loaded", {4, 3});
  weight->set_value(loaded.clone());
  const at::Tensor masked = at::mul(loaded, pattern.to(at::kFloat));
  EXPECT_LE(max_difference(linear.forward(x), written_out(x, masked, bias->value())), 1e-5);
  EXPECT_TRUE(at::equal(weight->value(), masked));
}

/// A weight that was trained under its mask keeps the masked entries. Once frozen and sharded, they are zero.
TEST_F(LinearTest, AFrozenWeightIsMaskedBeforeItIsSharded) {
  table.set_role(*weight, Role::trainable);
  const at::Tensor pattern = at::ones({4, 3}, at::kByte);
  pattern[1][2] = 0;
  linear.set_mask(table.add("l.mask", pattern, Role::mask));
  linear.mask_frozen_weight();
  EXPECT_NE(weight->value()[1][2].item<float>(), 0) << "it is still trainable";
  table.set_role(*weight, Role::frozen);
  linear.mask_frozen_weight();
  EXPECT_EQ(weight->value()[1][2].item<float>(), 0);
}

TEST_F(LinearTest, AMovedLinearKeepsItsParts) {
  linear.set_adapter(std::make_shared<Constant>(numbers(4, 3)));
  const at::Tensor before = linear.forward(x);
  const Linear moved = std::move(linear);
  EXPECT_TRUE(at::equal(moved.forward(x), before));
  EXPECT_EQ(moved.name(), "l");
}

TEST_F(LinearTest, ShrinkKeepsRowsAndColumnsOfEverything) {
  linear.set_adapter(std::make_shared<Constant>(numbers(4, 3)));
  linear.set_mask(table.add("l.mask", at::ones({4, 3}, at::kByte), Role::mask));
  table.set_role(*weight, Role::trainable);
  const at::Tensor full = linear.forward(x);
  const auto rows = linear.shrink(0, index({1, 3}));
  EXPECT_EQ(rows.size(), 3U);  // weight, bias, mask
  EXPECT_TRUE(weight->value().is_leaf() && weight->trainable() && weight->value().requires_grad());
  EXPECT_EQ(weight->logical_shape, (std::vector<int64_t>{2, 3}));
  EXPECT_TRUE(at::allclose(linear.forward(x), full.index_select(1, index({1, 3}))));
  EXPECT_EQ(linear.shrink(1, index({0, 2})).size(), 2U);  // the bias has no columns
  const at::Tensor twice = at::add(numbers(4, 3), numbers(4, 3)).index_select(0, index({1, 3}));
  const at::Tensor kept = twice.index_select(1, index({0, 2})), input = x.index_select(1, index({0, 2}));
  const at::Tensor expected = written_out(input, kept, numbers(1, 4).squeeze(0).index_select(0, index({1, 3})));
  EXPECT_LE(max_difference(linear.forward(input), expected), 1e-5) << "base and update, both cut";
}

}  // namespace
}  // namespace filigree::nn
