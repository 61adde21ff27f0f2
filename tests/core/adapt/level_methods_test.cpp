// The methods whose masks have a level that grows: the level and the zeros at any step, and the penalty on the scores.
//
// labels: unit
#include <ATen/TensorOperators.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/adapt/learned_mask.h"
#include "core/adapt/method.h"
#include "core/adapt/methods/masks/block_movement.h"
#include "core/adapt/methods/masks/movement.h"
#include "core/adapt/methods/masks/pst.h"
#include "core/adapt/methods/masks/smp.h"
#include "dist/factory.h"
#include "tests/core/adapt/attached.h"
#include "tests/support/compare.h"
#include "tests/support/toy_model.h"

namespace filigree::adapt {
namespace {

using test::drawn;
using test::max_difference;
using test::ToyModel;

/// A method on a model, with drawn scores.
struct Attached : AttachedMethod {
  Attached(const std::string& name, std::shared_ptr<recipe::MethodOptions> options)
      : AttachedMethod({name, std::move(options)}) {
    draw_scores(1.5);
  }

  Step at(int64_t step, int64_t steps, double losses = 1) const { return {step, steps, true, *ranks, *ranks, losses}; }

  std::vector<const nn::Linear*> masked() {
    std::vector<const nn::Linear*> all;
    for (const nn::Linear* linear : model.linears())
      if (learned_mask(*linear)) all.push_back(linear);
    return all;
  }
};

nn::Parameter& score_of(const nn::Linear& linear) { return *learned_mask(linear)->scores().parameters().front(); }

/// to + (from - to) (1 - u)^3 between the shares `warmup` and 1 - `hold` of the steps.
double level_at(int64_t t, int64_t steps, double from, double to, double warmup, double hold) {
  const double share = static_cast<double>(t) / static_cast<double>(steps);
  const double u = std::clamp((share - warmup) / (1 - hold - warmup), 0.0, 1.0);
  return to + (from - to) * (1 - u) * (1 - u) * (1 - u);
}

/// A method whose level goes from `from` to `to`.
struct Levels {
  std::string method;
  std::shared_ptr<recipe::MethodOptions> options;
  double from, to, warmup, hold;
  bool shares = true;  ///< of zeros; else thresholds
};

template <class Options>
std::shared_ptr<Options> options_with(const std::function<void(Options&)>& change) {
  auto options = std::make_shared<Options>();
  change(*options);
  return options;
}

std::vector<Levels> level_methods() {
  const auto pst = options_with<PstOptions>([](PstOptions& options) {
    options.sparsity = 0.9, options.initial_sparsity = 0.1, options.sparsity_warmup = 0.2, options.sparsity_hold = 0.4;
    options.rank = options.score_rank = 2;
  });
  const auto movement = options_with<MovementOptions>([](MovementOptions& options) {
    options.sparsity = 0.7, options.sparsity_warmup = 0.1, options.sparsity_hold = 0.3;
  });
  const auto soft = options_with<SoftMovementOptions>([](SoftMovementOptions& options) {
    options.threshold = 0.6, options.threshold_warmup = 0.1, options.threshold_hold = 0.25;
  });
  return {{"pst", pst, 0.1, 0.9, 0.2, 0.4},
          {"movement", movement, 0.0, 0.7, 0.1, 0.3},
          {"soft_movement", soft, 0.0, 0.6, 0.1, 0.25, false}};
}

/// Zeros of a matrix of n entries, or the entries that a threshold leaves.
void expect_mask(const nn::Linear& linear, const Levels& levels, double level, const std::string& where) {
  const at::Tensor& mask = learned_mask(linear)->mask()->value();
  if (levels.shares) {
    EXPECT_EQ(mask.eq(0).sum().item<int64_t>(), static_cast<int64_t>(level * static_cast<double>(mask.numel())))
        << where;
    return;
  }
  const at::Tensor above = at::sigmoid(score_of(linear).value().detach().to(at::kDouble)).gt(level);
  EXPECT_TRUE(mask.to(at::kBool).equal(above)) << where;
}

/// At every step, so that the mask of step t is that of the formula at t, and not of a neighbour.
TEST(LevelMethods, SetTheLevelOfTheFormulaAtEveryStep) {
  for (const Levels& levels : level_methods()) {
    Attached run(levels.method, levels.options);
    for (const int64_t steps : {20, 37}) {
      for (int64_t t = 0; t <= steps; ++t) {
        run.method->refresh(run.model, run.at(t, steps));
        const double wanted = level_at(t, steps, levels.from, levels.to, levels.warmup, levels.hold);
        const std::string where = fmt::format("{} at {} of {}", levels.method, t, steps);
        ASSERT_EQ(run.masked().size(), 12U);
        for (const nn::Linear* linear : run.masked()) {
          const double level = learned_mask(*linear)->level();
          EXPECT_NEAR(level, wanted, 1e-12) << where;
          expect_mask(*linear, levels, level, where);
        }
        EXPECT_EQ(run.method->counts_for_best(run.at(t, steps)), wanted == levels.to) << where;
      }
    }
  }
}

struct Penalty {
  std::string method;
  std::shared_ptr<recipe::MethodOptions> options;
  std::function<double(int64_t, int64_t)> factor;  ///< lambda at step t of T
};

std::vector<Penalty> penalties() {
  const auto smp = options_with<SmpOptions>([](SmpOptions& options) { options.penalty = 7; });
  const auto soft = options_with<SoftMovementOptions>([](SoftMovementOptions& options) {
    options.threshold = 0.2, options.threshold_warmup = 0.1, options.threshold_hold = 0.3, options.penalty = 5;
  });
  const auto block = options_with<BlockMovementOptions>([](BlockMovementOptions& options) {
    options.threshold = 0.3, options.threshold_warmup = 0.2, options.threshold_hold = 0.1, options.penalty = 3;
    options.block = 3;
  });
  return {{"smp", smp, [](int64_t t, int64_t steps) { return level_at(t, steps, 0, 7, 0, 0); }},
          {"soft_movement", soft, [](int64_t t, int64_t steps) { return level_at(t, steps, 0, 5, 0.1, 0.3); }},
          {"block_movement", block, [](int64_t t, int64_t steps) { return level_at(t, steps, 0, 3, 0.2, 0.1); }}};
}

/// Of lambda * mean over matrices of mean(sigmoid(S)), by autograd; scores of two matrices count in both.
std::map<std::string, at::Tensor> penalty_gradients(const std::vector<const nn::Linear*>& linears, double weight) {
  std::map<std::string, at::Tensor> leaves, gradients;
  at::Tensor sum;
  for (const nn::Linear* linear : linears) {
    const nn::Parameter& score = score_of(*linear);
    const auto [place, added] = leaves.try_emplace(score.name);
    if (added) place->second = score.value().detach().to(at::kDouble).requires_grad_(true);
    const at::Tensor mean = at::sigmoid(place->second).mean();
    sum = sum.defined() ? sum + mean : mean;
  }
  (sum * (weight / static_cast<double>(linears.size()))).backward();
  for (const auto& [name, leaf] : leaves) gradients[name] = leaf.grad();
  return gradients;
}

TEST(LevelMethods, ThePenaltyIsThatOfAutogradAndGrows) {
  constexpr double kLosses = 6;
  constexpr int64_t kSteps = 40;
  for (const Penalty& penalty : penalties()) {
    for (const int64_t t : {0, 6, 17, 29, 40}) {
      Attached run(penalty.method, penalty.options);
      for (const nn::Linear* linear : run.masked())
        score_of(*linear).value().mutable_grad() = at::zeros_like(score_of(*linear).value().detach()).fill_(0.5);
      const double factor = penalty.factor(t, kSteps);
      const auto wanted = penalty_gradients(run.masked(), factor * kLosses);
      run.method->after_backward(run.model, run.at(t, kSteps, kLosses));
      double largest = 0;
      for (const auto& [name, gradient] : wanted) {
        const at::Tensor found = run.model.parameters().at(name).value().grad();
        EXPECT_LE(max_difference(found, gradient + 0.5), 1e-6) << penalty.method << " " << name << " at " << t;
        largest = std::max(largest, test::largest_entry(gradient));
      }
      EXPECT_EQ(largest > 1e-4, factor > 0) << penalty.method << " at " << t;
    }
  }
}

}  // namespace
}  // namespace filigree::adapt
