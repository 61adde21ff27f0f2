// Mixed weights against the formula of the released code, and the two gradients; mixout step by step.
//
// labels: unit
#include "core/adapt/mixture.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "core/adapt/method.h"
#include "core/adapt/methods/mixout.h"
#include "dist/factory.h"
#include "tests/support/compare.h"
#include "tests/support/toy_model.h"

namespace filigree::adapt {
namespace {

using test::drawn;
using test::max_difference;
using test::ToyModel;

constexpr double kProbability = 0.3;

/// ((1 - n) T + n W - p T) / (1 - p) in fp64.
at::Tensor released(const at::Tensor& weight, const at::Tensor& target, const at::Tensor& n) {
  const at::Tensor w = weight.to(at::kDouble), t = target.to(at::kDouble), used = n.to(at::kDouble);
  return ((1 - used) * t + used * w - kProbability * t) / (1 - kProbability);
}

class MixtureTest : public testing::TestWithParam<bool> {};

TEST_P(MixtureTest, ResultAndGradientFollowTheFormula) {
  const bool exact = GetParam();
  ToyModel model;
  nn::Linear& linear = model.linear(0, ToyModel::ffn_in);
  model.parameters().set_role(*linear.weight(), nn::Role::trainable);
  add_mixture(model.parameters(), linear, {kProbability, exact});
  const at::Tensor pretrained = linear.weight()->value().detach().clone();
  linear.weight()->value().detach().add_(drawn(1, pretrained.sizes().vec(), 0.5));
  const at::Tensor n = draw_columns(linear, 5, kProbability);
  mixture_of(linear)->mix(n);
  const at::Tensor x = drawn(2, {7, linear.in_features()}, 1.0), g = drawn(3, {7, linear.out_features()}, 1.0);
  const at::Tensor wanted = released(linear.weight()->value().detach(), pretrained, n);
  const at::Tensor y = linear.forward(x);
  EXPECT_LE(max_difference(y, at::linear(x.to(at::kDouble), wanted, linear.bias()->value().to(at::kDouble))), 1e-5);
  y.backward(g);
  at::Tensor gradient = g.t().mm(x).mul(n);
  if (exact) gradient = gradient.div(1 - kProbability);
  EXPECT_LE(max_difference(linear.weight()->value().grad(), gradient), 1e-5);
  EXPECT_GT(n.sum().item<double>(), 0);
  EXPECT_LT(n.sum().item<double>(), static_cast<double>(n.numel()));
}

INSTANTIATE_TEST_SUITE_P(Gradients, MixtureTest, testing::Bool());

TEST(Mixture, WithoutADrawItIsTheWeight) {
  ToyModel model;
  nn::Linear& linear = model.linear(0, ToyModel::query);
  add_mixture(model.parameters(), linear, {kProbability, false});
  linear.weight()->value().add_(1.0);
  EXPECT_TRUE(linear.merged_weight().equal(linear.weight()->value()));
  mixture_of(linear)->mix(draw_columns(linear, 5, kProbability));
  EXPECT_FALSE(linear.merged_weight().equal(linear.weight()->value()));
  mixture_of(linear)->mix({});
  EXPECT_TRUE(linear.merged_weight().equal(linear.weight()->value()));
}

/// A prune takes the target along.
TEST(Mixture, TheTargetFollowsTheLinear) {
  ToyModel model;
  nn::Linear& linear = model.linear(0, ToyModel::ffn_in);
  add_mixture(model.parameters(), linear, {kProbability, false});
  const at::Tensor before = mixture_of(linear)->target()->value().clone();
  const at::Tensor kept = at::tensor({1, 4, 5}, at::kLong);
  linear.shrink(0, kept);
  EXPECT_TRUE(mixture_of(linear)->target()->value().equal(before.index_select(0, kept)));
}

TEST(Mixout, DrawsInEachStepAndIsOffBetweenThem) {
  ToyModel model;
  const auto ranks = dist::make_single();
  const auto options = std::make_shared<MixoutOptions>();
  options->freeze = {"embeddings"};
  const auto method = builtin_methods().make({"mixout", options});
  method->attach(model, {3, *ranks, *ranks});
  const nn::Linear& linear = model.linear(1, ToyModel::value);
  std::vector<at::Tensor> draws;
  for (int64_t step = 0; step < 2; ++step) {
    method->before_step(model, {step, 10, true, *ranks, *ranks});
    draws.push_back(mixture_of(linear)->mixed_by().clone());
    method->refresh(model, {step + 1, 10, true, *ranks, *ranks});
    EXPECT_FALSE(mixture_of(linear)->mixed_by().defined());
  }
  EXPECT_FALSE(draws[0].equal(draws[1]));
  method->before_step(model, {0, 10, true, *ranks, *ranks});
  EXPECT_TRUE(mixture_of(linear)->mixed_by().equal(draws[0])) << "a resumed run draws the same";
  EXPECT_EQ(model.parameters().at(linear.name() + ".mix_target").role, nn::Role::buffer);
}

}  // namespace
}  // namespace filigree::adapt
