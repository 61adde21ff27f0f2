// An update with many entries, which the linear adds to its weight, against the same update visited entry by entry and
// against fp64 autograd of the dense form.
//
// labels: unit
#include <ATen/TensorOperators.h>
#include <ATen/ops/linear.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>

#include "tests/core/adapt/made_weights.h"
#include "tests/support/compare.h"

namespace filigree::adapt {
namespace {

using test::drawn;
using test::largest_entry;
using test::max_difference;
using test::ToyModel;

constexpr double kTolerance = 1e-6;  // of the largest entry

enum class Mask { none, of_frozen, of_trained };

/// Result and gradients of one pass, by name.
using Pass = std::map<std::string, at::Tensor>;

struct Updated {
  ToyModel model;
  nn::Linear& linear = model.linear(0, ToyModel::ffn_in);

  Updated(Mask mask, bool low_rank) {
    if (mask == Mask::of_trained) test::train_weight(model, linear);
    const int64_t entries = test::many_entries(linear);
    test::add_update(model, linear, entries);
    if (!low_rank) {
      const nn::LowRankForm form = linear.adapter()->low_rank_form().value();
      SparseEntries sparse;
      sparse.rows = form.rows, sparse.cols = form.cols, sparse.values = form.values;
      sparse.out = linear.out_features(), sparse.in = linear.in_features();
      for (const nn::ParameterPtr& factor : {form.u, form.v}) model.parameters().set_role(*factor, nn::Role::frozen);
      linear.set_adapter(std::make_shared<LowRankSparse>(std::nullopt, sparse, 1.0, form.sparse_scale));
    }
    const at::Tensor values = model.parameters().at(linear.name() + ".sparse_values").value();
    values.detach().copy_(drawn(4, {entries}, 0.5));
    if (mask != Mask::none) test::add_mask(model, linear, false);
  }

  /// y by `forward`, and the gradients of x and of what trains.
  template <class Forward>
  Pass pass(const Forward& forward) {
    const at::Tensor x = drawn(1, {9, linear.in_features()}, 1.0).requires_grad_(true);
    Pass all;
    const at::Tensor y = forward(x);
    all["y"] = y.detach().clone();
    y.backward(drawn(2, {9, linear.out_features()}, 1.0).to(y.scalar_type()));
    all["x"] = x.grad();
    for (const nn::ParameterPtr& parameter : model.parameters()) {
      if (!parameter->trainable()) continue;
      all[parameter->name] = parameter->value().grad().clone();
      parameter->value().mutable_grad() = at::Tensor();
    }
    return all;
  }

  /// y = x W^T + b, with the update added entry by entry.
  Pass visited() {
    return pass([this](const at::Tensor& x) {
      at::Tensor weight = linear.weight()->value();
      if (linear.mask()) weight = weight * linear.mask()->value();
      return linear.adapter()->forward(x, at::linear(x, weight, linear.bias()->value()));
    });
  }

  Pass dense() const {
    test::Leaves leaves;
    const at::Tensor x = drawn(1, {9, linear.in_features()}, 1.0).to(at::kDouble).requires_grad_(true);
    const at::Tensor y = at::linear(x, test::dense_form(linear, leaves, {}), leaves.of(*linear.bias()));
    y.backward(drawn(2, {9, linear.out_features()}, 1.0).to(at::kDouble));
    Pass all = {{"y", y.detach()}, {"x", x.grad()}};
    for (const auto& [name, leaf] : leaves.all())
      if (leaf.requires_grad()) all[name] = leaf.grad();
    return all;
  }
};

void compare(const Pass& found, const Pass& wanted) {
  ASSERT_EQ(found.size(), wanted.size());
  for (const auto& [name, tensor] : wanted) {
    ASSERT_TRUE(found.contains(name)) << name;
    EXPECT_GT(largest_entry(tensor), 0) << name;
    EXPECT_LE(max_difference(found.at(name), tensor), kTolerance * largest_entry(tensor)) << name;
  }
}

class MergedUpdate : public testing::TestWithParam<std::tuple<Mask, bool>> {};

TEST_P(MergedUpdate, EqualsTheVisitedOneAndTheDenseForm) {
  const auto [mask, low_rank] = GetParam();
  Updated run(mask, low_rank);
  ASSERT_TRUE(run.linear.adapter()->is_merged());
  ASSERT_TRUE(run.linear.makes_weight());
  const Pass merged = run.pass([&](const at::Tensor& x) { return run.linear.forward(x); });
  ASSERT_EQ(merged.size(), (low_rank ? 5U : 3U) + (mask == Mask::of_trained ? 1U : 0U)) << "y, x, U, V, values and W";
  const Pass visited = run.visited(), dense = run.dense();
  {
    SCOPED_TRACE("dense");
    compare(merged, dense);
  }
  {
    SCOPED_TRACE("visited");
    compare(visited, dense);
    compare(merged, visited);
  }
}

INSTANTIATE_TEST_SUITE_P(Masks, MergedUpdate,
                         testing::Combine(testing::Values(Mask::none, Mask::of_frozen, Mask::of_trained),
                                          testing::Bool()));

/// The adapter alone decides: with few entries the linear calls it, and its weight stays as it is.
TEST(MergedUpdate, FewEntriesAreVisited) {
  ToyModel model({.layers = 1, .heads = 4, .head_size = 8, .ffn = 32});
  nn::Linear& linear = model.linear(0, ToyModel::query);
  test::add_update(model, linear, 32 * 32 / 144);
  EXPECT_FALSE(linear.adapter()->is_merged());
  EXPECT_FALSE(linear.makes_weight());
}

}  // namespace
}  // namespace filigree::adapt
