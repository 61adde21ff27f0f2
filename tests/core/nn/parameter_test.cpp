// Roles, storage types and shrinking of parameters; linears with masks, adapters and hooks.
#include <ATen/ops/add.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/nn/adapter.h"
#include "core/nn/linear.h"

namespace filigree::nn {
namespace {

at::Tensor numbers(int64_t rows, int64_t columns) {
  return at::mul(at::arange(1, rows * columns + 1).view({rows, columns}).to(at::kFloat), 0.1);
}
at::Tensor index(const std::vector<int64_t>& values) { return at::tensor(values, at::kLong); }

/// y + x D^T for a fixed D.
class Constant final : public nn::Adapter {
 public:
  explicit Constant(at::Tensor d) : d_(std::move(d)) {}
  at::Tensor forward(const at::Tensor& x, const at::Tensor& y) const override {
    return at::add(y, at::matmul(x, d_.t()));
  }
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

TEST(ParameterTable, RoleDecidesTypeAndGradient) {
  ParameterTable table;
  const ParameterPtr w = table.add("w", numbers(2, 3));
  EXPECT_FALSE(w->value().requires_grad());
  table.set_frozen_dtype(at::kBFloat16);
  EXPECT_EQ(w->value().scalar_type(), at::kBFloat16);
  table.set_role(*w, Role::trainable);
  EXPECT_EQ(w->value().scalar_type(), at::kFloat);
  EXPECT_TRUE(w->value().requires_grad() && w->value().is_leaf());
  const ParameterPtr mask = table.add("m", at::ones({2, 3}, at::TensorOptions(at::kByte)), Role::mask);
  EXPECT_EQ(mask->value().scalar_type(), at::kByte);
  EXPECT_EQ(table.with_role(Role::trainable).size(), 1U);
  EXPECT_THROW(table.set_role(*mask, Role::trainable), InternalError);
}

/// Nobody reads a stand-in: all that touches the values throws, while the shape is still known.
TEST(Parameter, SharedOutHasNoValues) {
  ParameterTable table;
  const ParameterPtr w = table.add("w", numbers(4, 3)), bias = table.add("b", numbers(1, 4).view({4}));
  Linear linear("l", w, bias);
  const at::Tensor whole = w->value().clone();
  std::vector<bool> asked;
  w->shard([&](bool backward) {
    asked.push_back(backward);
    return whole;
  });
  EXPECT_THROW(w->value(), InternalError);
  EXPECT_THROW(linear.merged_weight(), InternalError);
  EXPECT_THROW(table.set_role(*w, Role::trainable), InternalError);
  EXPECT_THROW(table.set_frozen_dtype(at::kBFloat16), InternalError);
  EXPECT_THROW(reslice(w, 0, keep_indices(index({0}))), InternalError);
  EXPECT_TRUE(asked.empty());
  EXPECT_EQ(w->sizes(), (at::IntArrayRef{4, 3}));
  EXPECT_EQ(w->bytes_here(), 0U);

  EXPECT_TRUE(at::equal(w->gather(), whole));
  const at::Tensor x = numbers(2, 3);
  EXPECT_TRUE(at::equal(linear.forward(x), at::add(at::matmul(x, whole.t()), bias->value())));
  EXPECT_EQ(asked, (std::vector<bool>{false, false}));

  w->set_value(whole);
  EXPECT_TRUE(w->value().is_same(whole) && !w->is_sharded());
  EXPECT_EQ(w->bytes_here(), 48U);
}

TEST(Parameter, OnlyFrozenOnesAreSharedOut) {
  ParameterTable table;
  const ParameterPtr w = table.add("w", numbers(4, 3), Role::trainable);
  EXPECT_THROW(w->shard([&](bool) { return numbers(4, 3); }), InternalError);
}

/// A weight that was trained under its mask keeps the masked entries. Once frozen and shared out, they are zero.
TEST(Linear, FrozenWeightIsMaskedBeforeItIsSharedOut) {
  ParameterTable table;
  const ParameterPtr w = table.add("w", numbers(4, 3), Role::trainable);
  Linear linear("l", w, nullptr);
  const at::Tensor pattern = at::ones({4, 3}, at::TensorOptions(at::kByte));
  pattern[1][2] = 0;
  linear.set_mask(table.add("l.mask", pattern, Role::mask));
  linear.mask_frozen_weight();
  EXPECT_NE(w->value()[1][2].item<float>(), 0) << "it is trained still";
  table.set_role(*w, Role::frozen);
  linear.mask_frozen_weight();
  EXPECT_EQ(w->value()[1][2].item<float>(), 0);
}

TEST(ParameterTable, NamesAreUniqueAndOrdered) {
  ParameterTable table;
  for (const char* name : {"z", "a", "m"}) table.add(name, numbers(1, 1));
  EXPECT_THROW(table.add("a", numbers(1, 1)), InternalError);
  table.remove("a");
  EXPECT_THROW(table.remove("a"), InternalError);
  EXPECT_EQ(table.find("a"), nullptr);
  EXPECT_THROW(table.at("a"), InternalError);
  std::string order;
  for (const auto& parameter : table) order += parameter->name;
  EXPECT_EQ(order, "zm");
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

TEST_F(LinearTest, ComputesInTheTypeOfItsInput) {
  EXPECT_TRUE(at::equal(linear.forward(x), plain()));
  table.set_role(*weight, Role::trainable);
  const at::Tensor y = linear.forward(x.to(at::kBFloat16));
  EXPECT_EQ(y.scalar_type(), at::kBFloat16);
  at::sum(y).backward();
  EXPECT_EQ(weight->value().grad().scalar_type(), at::kFloat);
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

TEST_F(LinearTest, AMaskHoldsForFrozenAndTrainableWeights) {
  const at::Tensor pattern =
      at::tensor(std::vector<int64_t>{1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0}).view({4, 3}).to(at::kByte);
  const at::Tensor masked = at::mul(numbers(4, 3), pattern.to(at::kFloat));
  const at::Tensor expected = at::add(at::matmul(x, masked.t()), bias->value());
  table.set_role(*weight, Role::trainable);
  linear.set_mask(table.add("l.mask", pattern, Role::mask));
  EXPECT_TRUE(at::equal(weight->value(), numbers(4, 3))) << "a trainable weight keeps its masked entries";
  const at::Tensor y = linear.forward(x);
  EXPECT_TRUE(at::equal(y, expected));
  at::sum(y).backward();
  EXPECT_TRUE(at::equal(at::mul(weight->value().grad(), pattern.to(at::kFloat)), weight->value().grad()));
  table.set_role(*weight, Role::frozen);
  EXPECT_TRUE(at::equal(linear.forward(x), expected));
  EXPECT_TRUE(at::equal(weight->value(), masked)) << "a frozen weight is multiplied once";
  EXPECT_TRUE(at::equal(linear.merged_weight(), masked));
}

TEST_F(LinearTest, ShrinkKeepsRowsAndColumnsOfEverything) {
  linear.set_adapter(std::make_shared<Constant>(numbers(4, 3)));
  linear.set_mask(table.add("l.mask", at::ones({4, 3}, at::TensorOptions(at::kByte)), Role::mask));
  table.set_role(*weight, Role::trainable);
  const at::Tensor full = linear.forward(x);
  const auto rows = linear.shrink(0, index({1, 3}));
  EXPECT_EQ(rows.size(), 3U);  // weight, bias, mask
  EXPECT_TRUE(weight->value().is_leaf() && weight->trainable() && weight->value().requires_grad());
  EXPECT_EQ(weight->logical_shape, (std::vector<int64_t>{2, 3}));
  EXPECT_TRUE(at::allclose(linear.forward(x), full.index_select(1, index({1, 3}))));
  EXPECT_EQ(linear.shrink(1, index({0, 2})).size(), 2U);  // the bias has no columns
  EXPECT_EQ(linear.forward(x.index_select(1, index({0, 2}))).sizes(), (std::vector<int64_t>{2, 2}));
}

}  // namespace
}  // namespace filigree::nn
