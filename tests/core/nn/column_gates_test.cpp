// A factor per head or neuron: T(W), its gradients and what a prune does to it.
//
// labels: unit
#include "core/nn/column_gates.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <memory>

#include "core/adapt/followers.h"
#include "core/error.h"
#include "tests/support/compare.h"
#include "tests/support/toy_model.h"

namespace filigree::nn {
namespace {

using test::drawn;
using test::max_difference;
using test::ToyModel;

/// The gates of the four heads of size 3 on the output linear of the attention.
struct Gated {
  ToyModel model;
  Linear& linear = model.linear(0, ToyModel::attention_out);
  ParameterPtr gates;

  Gated() {
    gates = adapt::add_follower(model.parameters(), linear, "gates", at::tensor({0.5F, -1.0F, 2.0F, 1.5F}),
                                Role::trainable, -1, 0, 3);
    linear.set_transform(std::make_shared<ColumnGates>(gates, 3));
    model.parameters().set_role(*linear.weight(), Role::trainable);
  }
};

TEST(ColumnGates, ScaleTheInputsOfEachUnit) {
  const Gated run;
  const at::Tensor x = drawn(1, {5, 12}, 1.0);
  const at::Tensor scaled = x * run.gates->value().detach().repeat_interleave(3);
  const at::Tensor wanted =
      at::linear(scaled, run.linear.weight()->value().detach(), run.linear.bias()->value().detach());
  EXPECT_LE(max_difference(run.linear.forward(x), wanted), 1e-6);
  EXPECT_EQ(column_gates(run.linear)->gates(), run.gates);
}

TEST(ColumnGates, GradientsAreThoseOfAutograd) {
  const Gated run;
  const at::Tensor x = drawn(1, {5, 12}, 1.0), g = drawn(2, {5, 12}, 1.0);
  run.linear.forward(x).backward(g);
  const at::Tensor w = run.linear.weight()->value().detach().clone().requires_grad_(true),
                   c = run.gates->value().detach().clone().requires_grad_(true);
  at::linear(x * c.repeat_interleave(3), w).backward(g);
  EXPECT_LE(max_difference(run.linear.weight()->value().grad(), w.grad()), 1e-5);
  EXPECT_LE(max_difference(run.gates->value().grad(), c.grad()), 1e-5);
}

TEST(ColumnGates, APruneOfAHeadRemovesItsGate) {
  Gated run;
  const at::Tensor kept = at::tensor({0, 1, 2, 6, 7, 8, 9, 10, 11}, at::kLong);  // without head 1
  const auto records = run.linear.shrink(1, kept);
  EXPECT_TRUE(run.gates->value().detach().equal(at::tensor({0.5F, 2.0F, 1.5F})));
  EXPECT_EQ(run.gates->logical_shape, (std::vector<int64_t>{3}));
  EXPECT_TRUE(run.gates->value().requires_grad());
  const auto of_gates = std::ranges::find_if(records, [&](const Reslice& one) { return one.parameter == run.gates; });
  ASSERT_NE(of_gates, records.end()) << "the optimizer is told";
  EXPECT_TRUE(of_gates->apply(at::tensor({1.0F, 2.0F, 3.0F, 4.0F})).equal(at::tensor({1.0F, 3.0F, 4.0F})));
}

TEST(ColumnGates, UnitsMoveWithTheirLines) {
  AxisChange lines;
  lines.share = {{0, 6}, {6, 12}};
  lines.move = [](const at::Tensor& local, int64_t dim) { return local.narrow(dim, 3, 6); };
  const AxisChange units = change_of_units(lines, 3);
  EXPECT_EQ(units.share[1].begin, 2);
  EXPECT_EQ(units.share[1].end, 4);
  EXPECT_TRUE(units.move(at::tensor({1.0F, 2.0F, 3.0F, 4.0F}), 0).equal(at::tensor({2.0F, 3.0F})));
}

}  // namespace
}  // namespace filigree::nn
