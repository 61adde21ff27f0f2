// Masks from one score per entry: movement, soft movement and SMP.
//
// labels: unit
#include <ATen/TensorOperators.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/adapt/learned_mask.h"
#include "core/adapt/method.h"
#include "core/adapt/methods/masks/movement.h"
#include "core/adapt/methods/masks/smp.h"
#include "core/adapt/score_training.h"
#include "dist/factory.h"
#include "tests/core/adapt/attached.h"
#include "tests/support/compare.h"
#include "tests/support/toy_model.h"

namespace filigree::adapt {
namespace {

using test::drawn;
using test::max_difference;
using test::ToyModel;

struct Attached : AttachedMethod {
  template <class Options>
  Attached(const std::string& name, Options options)
      : AttachedMethod({name, std::make_shared<Options>(std::move(options))}) {
    for (const nn::Linear* linear : model.linears())
      if (learned_mask(*linear))
        score(*linear).detach().copy_(drawn(random::hash(linear->name()), score(*linear).sizes().vec(), 1.5));
  }
};

TEST(Movement, RemovesTheLowestScoresOfEachMatrix) {
  MovementOptions options;
  options.sparsity = 0.6;
  Attached run("movement", options);
  run.method->refresh(run.model, run.at(100));
  for (const nn::Linear* linear : run.model.encoder_linears()) {
    const at::Tensor score = run.score(*linear), mask = learned_mask(*linear)->mask()->value();
    const auto removed = static_cast<int64_t>(0.6 * static_cast<double>(score.numel()));
    EXPECT_EQ(mask.eq(0).sum().item<int64_t>(), removed) << linear->name();
    EXPECT_LT(score.masked_select(mask.eq(0)).max().item<double>(),
              score.masked_select(mask.eq(1)).min().item<double>());
    EXPECT_TRUE(linear->merged_weight().equal(linear->weight()->value().detach().mul(mask)));
  }
  EXPECT_EQ(run.model.linear("classifier").transform(), nullptr);
  EXPECT_FALSE(run.method->counts_for_best(run.at(50)));
  EXPECT_TRUE(run.method->counts_for_best(run.at(100)));
}

/// dS = G o W and dW = G o M.
TEST(Movement, GradientsAreThoseOfTheFormula) {
  Attached run("movement", MovementOptions{});
  run.method->refresh(run.model, run.at(60));
  nn::Linear& linear = run.model.linear(0, ToyModel::ffn_out);
  const at::Tensor x = drawn(1, {6, linear.in_features()}, 1.0), g = drawn(2, {6, linear.out_features()}, 1.0);
  const at::Tensor mask = learned_mask(linear)->mask()->value(), w = linear.weight()->value().detach();
  const at::Tensor y = linear.forward(x);
  EXPECT_LE(max_difference(y, at::linear(x, w.mul(mask), linear.bias()->value().detach())), 1e-5);
  y.backward(g);
  const at::Tensor of_product = g.t().mm(x);
  EXPECT_LE(max_difference(linear.weight()->value().grad(), of_product.mul(mask)), 1e-5);
  EXPECT_LE(max_difference(run.score(linear).grad(), of_product.mul(w)), 1e-5);
}

TEST(Movement, ScoresHaveTheirLearningRateAndNoDecay) {
  Attached run("movement", MovementOptions{});
  const nn::Parameter& score = run.model.parameters().at("bert.encoder.layer.0.output.dense.score");
  EXPECT_EQ(score.lr_scale, 300.0);
  EXPECT_FALSE(score.decays);
  EXPECT_TRUE(run.model.linear("bert.encoder.layer.0.output.dense").weight()->trainable());
}

TEST(SoftMovement, RemovesScoresUpToTheThresholdButNotAll) {
  SoftMovementOptions options;
  options.threshold = 0.4;
  Attached run("soft_movement", options);
  const nn::Linear& all_low = run.model.linear(1, ToyModel::key);
  run.score(all_low).detach().copy_(drawn(4, run.score(all_low).sizes().vec(), 1.0).sub(50));
  run.method->refresh(run.model, run.at(0));
  for (const nn::Linear* linear : run.model.encoder_linears())
    EXPECT_EQ(learned_mask(*linear)->mask()->value().eq(0).sum().item<int64_t>(), 0) << "threshold 0";
  run.method->refresh(run.model, run.at(100));
  for (const nn::Linear* linear : run.model.encoder_linears()) {
    const at::Tensor mask = learned_mask(*linear)->mask()->value();
    if (linear == &all_low)
      EXPECT_EQ(mask.sum().item<int64_t>(), mask.numel() / 200 + 1);
    else
      EXPECT_TRUE(mask.to(at::kBool).equal(at::sigmoid(run.score(*linear).to(at::kDouble)).gt(0.4))) << linear->name();
  }
}

/// d/dS of lambda * mean over matrices of mean(sigmoid(S)), times the number of losses.
TEST(SoftMovement, ThePenaltyIsThatOfAutograd) {
  SoftMovementOptions options;
  options.penalty = 7;
  Attached run("soft_movement", options);
  const auto linears = run.model.encoder_linears();
  std::map<std::string, at::Tensor> wanted;
  at::Tensor sum;
  for (const nn::Linear* linear : linears) {
    wanted[linear->name()] = run.score(*linear).detach().to(at::kDouble).requires_grad_(true);
    const at::Tensor mean = at::sigmoid(wanted[linear->name()]).mean();
    sum = sum.defined() ? sum + mean : mean;
    run.score(*linear).mutable_grad() = at::zeros_like(run.score(*linear).detach());
  }
  (sum * (7.0 / static_cast<double>(linears.size())) * 5.0).backward();
  run.method->after_backward(run.model, run.at(100, 5));
  for (const nn::Linear* linear : linears)
    EXPECT_LE(max_difference(run.score(*linear).grad(), wanted[linear->name()].grad()), 1e-6) << linear->name();
}

/// Layer l of L keeps kept * L * mean_l / sum of means, at most everything.
TEST(Smp, DividesWhatStaysByTheScores) {
  SmpOptions options;
  options.sparsity = 0.5;
  Attached run("smp", options);
  nn::Linear& first = run.model.linear(0, ToyModel::ffn_in);
  nn::Linear& second = run.model.linear(1, ToyModel::ffn_in);
  run.score(first).detach().fill_(-2.0);
  run.score(second).detach().fill_(1.0);
  run.method->refresh(run.model, run.at(100));
  const double a = 1 / (1 + std::exp(2.0)), b = 1 / (1 + std::exp(-1.0));
  const auto kept = [](const nn::Linear& linear) {
    return learned_mask(linear)->mask()->value().sum().item<int64_t>();
  };
  const auto n = static_cast<double>(first.weight()->logical_numel());
  EXPECT_EQ(kept(first), static_cast<int64_t>(n) - static_cast<int64_t>((1 - 0.5 * 2 * a / (a + b)) * n));
  EXPECT_EQ(kept(second), static_cast<int64_t>(n) - static_cast<int64_t>((1 - 0.5 * 2 * b / (a + b)) * n));
  EXPECT_FALSE(first.weight()->trainable());
  EXPECT_TRUE(run.model.linear("classifier").weight()->trainable());
}

}  // namespace
}  // namespace filigree::adapt
