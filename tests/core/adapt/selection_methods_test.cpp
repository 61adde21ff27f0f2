// DPS and Child-Tuning: periods, which entries are selected, and what the others do.
//
// labels: unit
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/adapt/fisher.h"
#include "core/adapt/method.h"
#include "core/adapt/methods/child_tuning.h"
#include "core/adapt/methods/dps.h"
#include "core/adapt/mixture.h"
#include "core/adapt/update_masks.h"
#include "tests/core/adapt/driven.h"
#include "tests/support/compare.h"
#include "tests/support/toy_model.h"

namespace filigree::adapt {
namespace {

using test::Driven;
using test::toy_batch;
using test::ToyModel;

const std::string kWeight = "bert.encoder.layer.1.attention.self.value.weight";

/// Stage I where ceil(k / u) is odd for the step k = 1, 2, ..., u = int(steps * ratio); the last period is cut.
TEST(Dps, PeriodsAreThoseOfThePublishedCode) {
  const std::vector<std::pair<int64_t, double>> rows = {{10, 0.1},  {230, 0.1}, {343, 0.1},
                                                        {32, 0.05}, {7, 0.3},   {5, 0.01}};
  for (const auto& [steps, ratio] : rows) {
    const auto u = std::max<int64_t>(1, static_cast<int64_t>(static_cast<double>(steps) * ratio));
    for (int64_t k = 1; k <= steps; ++k) {
      const DpsPeriod period = dps_period(k - 1, steps, ratio);
      EXPECT_EQ(period.length, u);
      EXPECT_EQ(period.selects, (k + u - 1) / u % 2 == 0) << k << " of " << steps;
      EXPECT_EQ(period.is_first, (k - 1) % u == 0) << k << " of " << steps;
    }
  }
}

TEST(Dps, SelectsTheLargestSumsOfEachMatrix) {
  Driven run("dps", DpsOptions{}, 30);  // periods of 3
  std::map<std::string, at::Tensor> sums;
  for (int64_t i = 0; i < 3; ++i)
    for (const auto& [name, gradient] : run.step()) {
      const at::Tensor square = gradient.div(3).square();
      sums[name] = sums.contains(name) ? sums[name] + square : square;
    }
  const at::Tensor mask = run.value(kWeight + ".update_mask");
  const at::Tensor sum = sums.at(kWeight);
  const auto kept = static_cast<int64_t>(std::ceil(0.7 * static_cast<double>(sum.numel())));
  EXPECT_EQ(mask.sum().item<int64_t>(), kept);
  const double threshold = std::get<0>(sum.flatten().sort())[sum.numel() - kept].item<double>();
  EXPECT_TRUE(mask.to(at::kBool).equal(sum.ge(threshold)));
  for (int64_t i = 0; i < 3; ++i) {
    const auto gradients = run.step();
    EXPECT_EQ(gradients.at(kWeight).masked_select(mask.eq(0)).abs().sum().item<double>(), 0) << i;
    EXPECT_GT(gradients.at(kWeight).masked_select(mask.eq(1)).abs().sum().item<double>(), 0) << i;
    EXPECT_GT(gradients.at("bert.encoder.layer.1.attention.self.value.bias").abs().sum().item<double>(), 0);
  }
  const auto next = run.step();  // a period that updates all
  EXPECT_GT(next.at(kWeight).masked_select(mask.eq(0)).abs().sum().item<double>(), 0);
}

TEST(Dps, UnselectedEntriesDriftOrStay) {
  for (const Unselected rule : {Unselected::drift, Unselected::stay}) {
    DpsOptions options;
    options.unselected = rule;
    Driven run("dps", options, 20);  // periods of 2
    run.step();
    run.step();
    const at::Tensor mask = run.value(kWeight + ".update_mask"), before = run.value(kWeight).detach().clone();
    run.step();
    const at::Tensor moved = run.value(kWeight).detach().sub(before).abs();
    EXPECT_EQ(moved.masked_select(mask.eq(0)).max().item<double>() == 0, rule == Unselected::stay);
    EXPECT_GT(moved.masked_select(mask.eq(1)).min().item<double>(), 0);
  }
}

/// In periods that select, the weight starts as it is, and entries that are not selected keep the value of that time.
TEST(Dps, MixStartsItsPeriodsFromTheRightWeight) {
  DpsOptions options;
  options.variant = DpsVariant::mix;
  Driven run("dps", options, 20);
  const std::string linear = kWeight.substr(0, kWeight.size() - 7);
  const at::Tensor pretrained = run.value(kWeight).detach().clone();
  run.step();
  EXPECT_TRUE(run.value(linear + ".mix_target").equal(pretrained));
  run.step();
  const at::Tensor start = run.value(kWeight).detach().clone();
  EXPECT_TRUE(run.value(linear + ".mix_target").equal(start));
  EXPECT_FALSE(start.equal(pretrained));
  const at::Tensor uses = run.value(linear + ".dps_uses");
  EXPECT_LE(uses.max().item<double>(), 2);
  EXPECT_LT(uses.min().item<double>(), 2) << "some column was not used in some step";
  run.step();
  run.step();
  EXPECT_TRUE(run.value(linear + ".mix_target").equal(pretrained)) << "a period that updates all";
  EXPECT_EQ(run.value(linear + ".dps_sum").sum().item<double>(), 0);
}

/// numpy: threshold = percentile(all, 100 (1 - share)), interpolated between neighbours; kept are those at or above it.
TEST(ChildTuning, KeepsThoseAboveThePercentileOfAllLayers) {
  ChildTuningOptions options;
  options.batches = 4;
  options.share = 0.3;
  Driven run("child_tuning", options, 10);
  ToyModel other;  // the same weights
  for (const nn::ParameterPtr& parameter : other.parameters())
    other.parameters().set_role(*parameter, nn::Role::trainable);
  const std::vector<nn::ParameterPtr> covered = trained_in_layers(other);
  std::map<std::string, at::Tensor> fisher;
  for (int64_t i = 0; i < options.batches; ++i) {
    for (const nn::ParameterPtr& parameter : covered) parameter->value().mutable_grad() = at::Tensor();
    other.forward(toy_batch({i, i + 9}), {}).loss_sum.div(2.0).backward();
    for (const nn::ParameterPtr& parameter : covered) {
      at::Tensor g = parameter->value().grad().to(at::kDouble);
      g = g * std::min(1.0, 1.0 / (g.norm().item<double>() + 1e-6));
      fisher[parameter->name] = fisher.contains(parameter->name) ? fisher[parameter->name] + g.square() : g.square();
    }
  }
  std::vector<at::Tensor> flat;
  for (const nn::ParameterPtr& parameter : covered) flat.push_back(fisher.at(parameter->name).flatten());
  const at::Tensor sorted = std::get<0>(at::cat(flat).sort());
  const double place = static_cast<double>(sorted.numel() - 1) * 0.7, below = std::floor(place);
  const double low = sorted[static_cast<int64_t>(below)].item<double>();
  const double high = sorted[std::min(static_cast<int64_t>(below) + 1, sorted.numel() - 1)].item<double>();
  const double percentile = low + (high - low) * (place - below);
  run.step();
  for (const nn::ParameterPtr& parameter : covered) {
    const at::Tensor mask = run.value(parameter->name + ".update_mask");
    EXPECT_TRUE(mask.to(at::kBool).equal(fisher.at(parameter->name).ge(percentile))) << parameter->name;
  }
  EXPECT_EQ(run.model.parameters().find("classifier.weight.update_mask"), nullptr) << "the head is no layer";
}

TEST(ChildTuning, DrawsAShareAndDividesByIt) {
  ChildTuningOptions options;
  options.variant = ChildVariant::f;
  options.share = 0.4;
  Driven run("child_tuning", options, 10);
  std::vector<at::Tensor> masks;
  for (int64_t i = 0; i < 2; ++i) {
    const auto gradients = run.step();
    masks.push_back(run.value(kWeight + ".update_mask").clone());
    EXPECT_EQ(gradients.at(kWeight).masked_select(masks.back().eq(0)).abs().sum().item<double>(), 0);
  }
  EXPECT_FALSE(masks[0].equal(masks[1]));
  EXPECT_NEAR(masks[0].to(at::kDouble).mean().item<double>(), 0.4, 0.12);
  EXPECT_EQ(run.model.parameters().at(kWeight + ".update_mask").role, nn::Role::derived);
}

TEST(UpdateMasks, GradientsAreScaled) {
  ToyModel model;
  model.parameters().set_role(model.parameters().at(kWeight), nn::Role::trainable);
  const auto masks = add_update_masks(model, trained_in_layers(model), nn::Role::derived);
  ASSERT_EQ(masks.size(), 1U);
  masks[0].covered->value().mutable_grad() = test::drawn(1, masks[0].covered->sizes().vec(), 1.0);
  const at::Tensor before = masks[0].covered->value().grad().clone();
  draw_masks(masks, 8, 0.5);
  mask_gradients(masks, 2.0);
  EXPECT_TRUE(masks[0].covered->value().grad().equal(before.mul(masks[0].mask->value()).mul(2.0)));
}

}  // namespace
}  // namespace filigree::adapt
