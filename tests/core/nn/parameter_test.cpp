// Roles and storage types of parameters, local shards and their changes, parameters without local values, and the names
// of a table.
//
// labels: unit
#include "core/nn/parameter.h"

#include <ATen/ops/add.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/nn/linear.h"

namespace filigree::nn {
namespace {

at::Tensor numbers(int64_t rows, int64_t columns) {
  return at::mul(at::arange(1, rows * columns + 1).view({rows, columns}).to(at::kFloat), 0.1);
}
at::Tensor index(const std::vector<int64_t>& values) { return at::tensor(values, at::kLong); }

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

/// While a parameter is sharded, every access to its values throws; its shape is available.
TEST(Parameter, ShardedHasNoValues) {
  ParameterTable table;
  const ParameterPtr w = table.add("w", numbers(4, 3)), bias = table.add("b", numbers(1, 4).view({4}));
  Linear linear("l", w, bias);
  at::Tensor whole = w->value().clone();
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

TEST(Parameter, OnlyFrozenOnesAreSharded) {
  ParameterTable table;
  const ParameterPtr w = table.add("w", numbers(4, 3), Role::trainable);
  EXPECT_THROW(w->shard([&](bool) { return numbers(4, 3); }), InternalError);
}

/// Rows or columns [begin, end) of the full tensor; a copy, so that the full tensor can be freed.
TEST(Parameter, LocalShardIsTheSliceOfItsPlacement) {
  const at::Tensor whole = numbers(5, 4);
  const at::Tensor columns = local_shard(whole, {1, {1, 3}});
  ASSERT_EQ(columns.sizes(), (at::IntArrayRef{5, 2}));
  for (int64_t row = 0; row < 5; ++row)
    for (int64_t column = 0; column < 2; ++column)
      EXPECT_EQ(columns[row][column].item<float>(), whole[row][column + 1].item<float>());
  EXPECT_TRUE(columns.is_contiguous());
  EXPECT_FALSE(columns.is_alias_of(whole));
  EXPECT_TRUE(local_shard(whole, {}).is_same(whole));
  ParameterTable table;
  const ParameterPtr part = table.add("w", whole, Role::trainable, {0, {2, 5}});
  EXPECT_TRUE(at::equal(part->value(), whole.slice(0, 2, 5)));
  EXPECT_EQ(part->logical_shape, (std::vector<int64_t>{5, 4}));
  EXPECT_EQ(part->logical_numel(), 20);
  EXPECT_EQ(part->numel(), 12);
}

/// Of the rows 0..7 this rank holds 2..5. The rows 1, 3, 4 and 7 stay: 3 and 4 are here, as rows 1 and 2 of the four.
TEST(Parameter, ResliceKeepsTheLocalRowsOfASplit) {
  ParameterTable table;
  const at::Tensor whole = numbers(8, 2);
  const ParameterPtr part = table.add("w", whole, Role::trainable, {0, {2, 6}});
  const Reslice record = reslice(part, 0, keep_indices(index({1, 3, 4, 7})));
  EXPECT_TRUE(at::equal(part->value(), whole.index_select(0, index({3, 4}))));
  EXPECT_EQ(part->placement, (Placement{0, {1, 3}}));
  EXPECT_EQ(part->logical_shape, (std::vector<int64_t>{4, 2}));
  EXPECT_TRUE(part->value().is_leaf() && part->value().requires_grad());
  const at::Tensor moment = at::mul(whole.slice(0, 2, 6), 3);
  EXPECT_TRUE(at::equal(record.apply(moment), at::mul(whole.index_select(0, index({3, 4})), 3)));
  reslice(part, 1, keep_indices(index({1})));  // not split along 1: all ranks keep the same columns
  EXPECT_TRUE(at::equal(part->value(), whole.index_select(0, index({3, 4})).slice(1, 1, 2)));
  EXPECT_EQ(part->placement, (Placement{0, {1, 3}}));
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

}  // namespace
}  // namespace filigree::nn
