// Steps of the methods that train all parameters, with the optimizer: which entries DPS selects in every matrix, dense and
// mixed, what entries that are not selected do, and the learning rate of scores.
//
// labels: unit
#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "core/adapt/methods/child_tuning.h"
#include "core/adapt/methods/dps.h"
#include "core/adapt/methods/masks/movement.h"
#include "core/adapt/methods/mixout.h"
#include "core/adapt/mixture.h"
#include "tests/core/adapt/driven.h"
#include "tests/support/compare.h"

namespace filigree::adapt {
namespace {

using test::Driven;
using test::ToyModel;

const std::string kWeight = "bert.encoder.layer.1.attention.self.value.weight";

/// 1 for the ceil(0.7 n) entries with the largest importance.
at::Tensor largest_of(const at::Tensor& importance) {
  const auto kept = static_cast<int64_t>(std::ceil(0.7 * static_cast<double>(importance.numel())));
  const at::Tensor order = std::get<1>(importance.flatten().sort(/*dim=*/0, /*descending=*/true));
  at::Tensor mask = at::zeros({importance.numel()}, at::kByte);
  mask.index_fill_(0, order.narrow(0, 0, kept), 1);
  return mask.view(importance.sizes());
}

/// What DPS sums in a period, in fp64.
struct Sums {
  std::map<std::string, at::Tensor> squares, uses;  ///< by linear
};

Sums run_period(Driven& run, int64_t length, bool mixes) {
  Sums sums;
  const auto add = [](std::map<std::string, at::Tensor>& all, const std::string& name, const at::Tensor& more) {
    all[name] = all.contains(name) ? all[name] + more : more;
  };
  run.on_gradients = [&] {
    for (const nn::Linear* linear : run.model.linears())
      if (mixes) add(sums.uses, linear->name(), mixture_of(*linear)->mixed_by().flatten().to(at::kDouble));
  };
  for (int64_t i = 0; i < length; ++i) {
    const auto gradients = run.step();
    for (const nn::Linear* linear : run.model.linears())
      add(sums.squares, linear->name(), gradients.at(linear->name() + ".weight").to(at::kDouble).div(3).square());
  }
  run.on_gradients = nullptr;
  return sums;
}

TEST(Dps, SelectsInEveryMatrixByItself) {
  Driven run("dps", DpsOptions{}, 30);  // periods of 3
  const Sums sums = run_period(run, 3, false);
  ASSERT_EQ(sums.squares.size(), 13U);
  for (const auto& [name, squares] : sums.squares)
    EXPECT_TRUE(run.value(name + ".weight.update_mask").equal(largest_of(squares))) << name;
}

/// The sum divided by the uses of the column, from 50 steps per period on times exp(-uses / period).
TEST(Dps, MixSelectsByTheMeanOverTheUses) {
  for (const int64_t length : {9, 49, 50}) {
    DpsOptions options;
    options.variant = DpsVariant::mix;
    Driven run("dps", options, 10 * length);
    const Sums sums = run_period(run, length, true);
    int64_t by_sum_alone = 0, without_decay = 0;
    for (const nn::Linear* linear : run.model.linears()) {
      const at::Tensor uses = sums.uses.at(linear->name());
      EXPECT_TRUE(run.value(linear->name() + ".dps_uses").to(at::kDouble).equal(uses)) << linear->name();
      EXPECT_GT(uses.max().item<double>(), uses.min().item<double>());
      const at::Tensor sum = sums.squares.at(linear->name()), mean = sum / uses.clamp_min(1);
      const at::Tensor decayed = mean * uses.clamp_min(1).div(-static_cast<double>(length)).exp();
      const at::Tensor mask = run.value(linear->name() + ".weight.update_mask");
      EXPECT_TRUE(mask.equal(largest_of(length >= 50 ? decayed : mean))) << linear->name() << ", period " << length;
      by_sum_alone += mask.equal(largest_of(sum)) ? 1 : 0;
      without_decay += mask.equal(largest_of(mean)) ? 1 : 0;
    }
    EXPECT_LT(by_sum_alone, 13) << "the uses select as well";
    EXPECT_EQ(without_decay < 13, length >= 50) << "and so does their decay, in long periods";
  }
}

/// In a period that selects: T + n / (1 - p) (W - T), with T the weight at its start and n the mask.
TEST(Dps, MixUsesItsMaskInPeriodsThatSelect) {
  DpsOptions options;
  options.variant = DpsVariant::mix;
  Driven run("dps", options, 40);  // periods of 4
  run_period(run, 4, true);
  const nn::Linear& linear = run.model.linear(1, ToyModel::value);
  const at::Tensor start = run.value(kWeight).detach().to(at::kDouble);
  run.step();
  const at::Tensor moved = run.value(kWeight).detach().to(at::kDouble);
  at::Tensor merged;
  run.on_gradients = [&] { merged = linear.merged_weight(); };
  const auto gradients = run.step();
  const at::Tensor mask = run.value(kWeight + ".update_mask");
  const at::Tensor wanted = ((1 - mask.to(at::kDouble)) * start + mask * moved - 0.3 * start) / 0.7;
  EXPECT_LE(test::max_difference(merged, wanted), 1e-6 * test::largest_entry(wanted));
  EXPECT_GT(test::max_difference(moved, start), 1e-3);
  EXPECT_EQ(gradients.at(kWeight).masked_select(mask.eq(0)).abs().max().item<double>(), 0);
}

template <class Options>
std::map<std::string, at::Tensor> first_gradients(const std::string& method, Options options, bool exact) {
  options.exact_gradient = exact;
  Driven run(method, options, 20);
  return run.step();
}

/// The first step mixes a weight with itself: n o G as released, n / (1 - p) o G by option, with the same n and G.
template <class Options>
void expect_factor(const std::string& method, const Options& options, double p) {
  const auto released = first_gradients(method, options, false), exact = first_gradients(method, options, true);
  for (const auto& [name, gradient] : released) {
    const bool mixed = gradient.dim() == 2 && !name.starts_with("bert.embeddings");
    const at::Tensor wanted = gradient.to(at::kDouble).div(mixed ? 1 - p : 1);
    EXPECT_LE(test::max_difference(exact.at(name), wanted), 1e-6 * test::largest_entry(wanted))
        << method << " " << name;
  }
}

TEST(ExactGradient, IsAnOptionOfMixoutAndDpsMix) {
  MixoutOptions mixout;
  mixout.probability = 0.6;
  expect_factor("mixout", mixout, 0.6);
  DpsOptions dps;
  dps.variant = DpsVariant::mix;
  dps.unselected_share = 0.45;
  expect_factor("dps", dps, 0.45);
}

TEST(ChildTuning, UnselectedEntriesDriftOrStay) {
  for (const ChildVariant variant : {ChildVariant::d, ChildVariant::f}) {
    for (const Unselected rule : {Unselected::drift, Unselected::stay}) {
      ChildTuningOptions options;
      options.variant = variant;
      options.unselected = rule;
      options.batches = 2;
      Driven run("child_tuning", options, 10);
      for (int i = 0; i < 3; ++i) {
        const at::Tensor before = run.value(kWeight).detach().clone();
        run.step();
        const at::Tensor mask = run.value(kWeight + ".update_mask");
        const at::Tensor moved = run.value(kWeight).detach().sub(before).abs();
        EXPECT_EQ(moved.masked_select(mask.eq(0)).max().item<double>() == 0, rule == Unselected::stay) << i;
        EXPECT_GT(moved.masked_select(mask.eq(1)).max().item<double>(), 0) << i;
      }
    }
  }
}

/// The first step of AdamW moves an entry by the learning rate if its gradient is not tiny: 0.01 for weights, 300 times that
/// for scores, which do not decay.
TEST(Movement, TheOptimizerMultipliesTheLearningRateOfScores) {
  Driven run("movement", MovementOptions{}, 10);
  const std::string linear = kWeight.substr(0, kWeight.size() - 7);
  const at::Tensor score = run.value(linear + ".score").detach();
  score.fill_(5);  // with the decay of 0.1, an entry would move by 1.5 more
  const at::Tensor before = run.value(kWeight).detach().clone();
  const auto gradients = run.step();
  const at::Tensor clear = gradients.at(linear + ".score").abs().gt(1e-4);
  ASSERT_GT(clear.sum().item<int64_t>(), 100) << "of 144";
  const at::Tensor sign = gradients.at(linear + ".score").sign().mul(-3.0);
  EXPECT_LE(test::max_difference(run.value(linear + ".score").detach().sub(5).masked_select(clear),
                                 sign.masked_select(clear)),
            3e-3);
  const at::Tensor& of_weight = gradients.at(kWeight);
  const at::Tensor clear_weight = of_weight.abs().gt(1e-4);
  const at::Tensor wanted = before.mul(1 - 0.01 * 0.1).sub(of_weight.sign(), 0.01);
  EXPECT_LE(
      test::max_difference(run.value(kWeight).detach().masked_select(clear_weight), wanted.masked_select(clear_weight)),
      1e-5);
}

}  // namespace
}  // namespace filigree::adapt
