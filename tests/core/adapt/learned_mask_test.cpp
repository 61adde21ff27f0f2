// The learned mask of PST against a dense form that autograd differentiates: results, all six gradients, exact counts.
//
// labels: unit
#include "core/adapt/learned_mask.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/mm.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/adapt/mask_scores.h"
#include "core/adapt/schedule.h"
#include "dist/factory.h"
#include "tests/support/compare.h"
#include "tests/support/toy_model.h"

namespace filigree::adapt {
namespace {

using test::drawn;
using test::max_difference;
using test::ToyModel;

constexpr int64_t kRank = 2, kScoreRank = 3;
constexpr double kScale = 0.7, kScoreScale = 0.4, kLineScale = 0.6;

nn::Linear& masked_linear(ToyModel& model) {
  nn::Linear& linear = model.linear(0, ToyModel::ffn_in);
  const int64_t out = linear.out_features(), in = linear.in_features();
  nn::ParameterTable& table = model.parameters();
  Factors factors =
      add_factors(table, linear, {"lora_U", "lora_V"}, drawn(1, {out, kRank}, 0.5), drawn(2, {kRank, in}, 0.5));
  linear.set_adapter(std::make_shared<LowRankSparse>(std::move(factors), std::nullopt, kScale, kScale));
  add_learned_mask(table, linear,
                   std::make_unique<LowRankScores>(table, linear, drawn(3, {out, kScoreRank}, 0.5),
                                                   drawn(4, {kScoreRank, in}, 0.5), kScoreScale, kLineScale));
  table.at(linear.name() + ".score_R").value().detach().copy_(drawn(5, {out}, 0.3));
  table.at(linear.name() + ".score_C").value().detach().copy_(drawn(6, {in}, 0.3));
  return linear;
}

const LearnedMask& mask_of(const nn::Linear& linear) { return *learned_mask(linear); }

void refresh(ToyModel& model, double share) {
  set_mask_levels(model, share);
  refresh_masks(model, *dist::make_single());
}

constexpr const char* kNames[] = {".lora_U", ".lora_V", ".score_A", ".score_B", ".score_R", ".score_C"};

/// y = x (M o W)^T + b written out, where autograd takes M for S.
struct Dense {
  std::map<std::string, at::Tensor> leaves;
  at::Tensor y, x, mask;

  Dense(ToyModel& model, const nn::Linear& linear, const at::Tensor& input, double share) {
    for (const char* name : kNames)
      leaves[name] = model.parameters().at(linear.name() + name).value().detach().to(at::kDouble).requires_grad_(true);
    x = input.detach().to(at::kDouble).requires_grad_(true);
    const at::Tensor w0 = linear.weight()->value().detach().to(at::kDouble);
    const at::Tensor w = w0 + kScale * at::mm(leaves[".lora_U"], leaves[".lora_V"]);
    const at::Tensor s = at::abs(w) + kScoreScale * at::mm(leaves[".score_A"], leaves[".score_B"]) +
                         kLineScale * (leaves[".score_R"].unsqueeze(1) + leaves[".score_C"].unsqueeze(0));
    const auto removed = static_cast<int64_t>(share * static_cast<double>(s.numel()));
    mask = at::ones({s.numel()}, at::kDouble);
    mask.index_fill_(0, std::get<1>(s.detach().flatten().sort()).narrow(0, 0, removed), 0);
    mask = mask.view(s.sizes());
    y = at::linear(x, w * (s - s.detach() + mask), linear.bias()->value().detach().to(at::kDouble));
  }
};

class LearnedMaskTest : public testing::TestWithParam<double> {};

TEST_P(LearnedMaskTest, ResultsAndAllGradientsAreTheDenseOnes) {
  ToyModel model;
  nn::Linear& linear = masked_linear(model);
  refresh(model, GetParam());
  const at::Tensor x = drawn(7, {9, linear.in_features()}, 1.0).requires_grad_(true);
  const at::Tensor g = drawn(8, {9, linear.out_features()}, 1.0);
  Dense dense(model, linear, x, GetParam());
  EXPECT_TRUE(mask_of(linear).mask()->value().to(at::kDouble).equal(dense.mask));
  const at::Tensor y = linear.forward(x);
  EXPECT_LE(max_difference(y, dense.y), 1e-5 * dense.y.abs().max().item<double>());
  y.backward(g);
  dense.y.backward(g.to(at::kDouble));
  const auto compare = [](const at::Tensor& found, const at::Tensor& wanted, const std::string& name) {
    ASSERT_TRUE(found.defined()) << name;
    EXPECT_LE(max_difference(found, wanted), 1e-5 * wanted.abs().max().item<double>()) << name;
  };
  compare(x.grad(), dense.x.grad(), "x");
  for (const char* name : kNames)
    compare(model.parameters().at(linear.name() + name).value().grad(), dense.leaves[name].grad(), name);
  const at::Tensor merged = linear.merged_weight();
  EXPECT_EQ(merged.eq(0).sum().item<int64_t>(), static_cast<int64_t>(GetParam() * static_cast<double>(merged.numel())));
}

INSTANTIATE_TEST_SUITE_P(Shares, LearnedMaskTest, testing::Values(0.0, 0.37, 0.5, 0.9));

/// The first layer's input requires no gradient: the weight's leaves get theirs all the same.
TEST(LearnedMask, AnInputWithoutGradientIsEnough) {
  ToyModel model;
  nn::Linear& linear = masked_linear(model);
  refresh(model, 0.5);
  linear.forward(drawn(7, {4, linear.in_features()}, 1.0)).sum().backward();
  for (const char* name : kNames)
    EXPECT_TRUE(model.parameters().at(linear.name() + name).value().grad().defined()) << name;
}

/// W0 stays, so an entry that was removed comes back when its score grows.
TEST(LearnedMask, AnEntryReturns) {
  ToyModel model;
  nn::Linear& linear = masked_linear(model);
  refresh(model, 0.5);
  const at::Tensor before = mask_of(linear).mask()->value().clone();
  const at::Tensor merged = linear.merged_weight();
  model.parameters().at(linear.name() + ".score_R").value().detach()[0] = 1e6;
  refresh(model, 0.5);
  EXPECT_LT(before[0].sum().item<int64_t>(), linear.in_features()) << "some were removed";
  EXPECT_EQ(mask_of(linear).mask()->value()[0].sum().item<int64_t>(), linear.in_features());
  EXPECT_EQ(linear.merged_weight()[0].ne(0).sum().item<int64_t>(), linear.in_features());
}

TEST(LearnedMask, ACheckpointHoldsTheShareAndNotTheMask) {
  ToyModel model;
  const nn::Linear& linear = masked_linear(model);
  EXPECT_EQ(model.parameters().at(linear.name() + ".learned_mask").role, nn::Role::derived);
  EXPECT_EQ(model.parameters().at(linear.name() + ".mask_level").role, nn::Role::buffer);
  refresh(model, 0.25);
  EXPECT_EQ(mask_of(linear).level(), 0.25);
}

/// PST's counts: (r + r' + 1) (in + out) trained numbers per matrix.
TEST(LearnedMask, TrainsThirteenNumbersPerLine) {
  ToyModel model;
  const nn::Linear& linear = masked_linear(model);
  int64_t trained = 0;
  for (const nn::ParameterPtr& parameter : linear.added_parameters())
    if (parameter->trainable()) trained += parameter->value().numel();
  EXPECT_EQ(trained, (kRank + kScoreRank + 1) * (linear.in_features() + linear.out_features()));
}

TEST(Cubic, FollowsTheFormula) {
  const Cubic curve{0.1, 0.9, 0.1, 0.3};
  for (const int64_t steps : {10, 100, 3001}) {
    for (int64_t t = 0; t <= steps; ++t) {
      const double share = static_cast<double>(t) / static_cast<double>(steps);
      const double u = (share - 0.1) / 0.6;
      const double expected = share <= 0.1 ? 0.1 : share > 0.7 ? 0.9 : 0.9 - 0.8 * (1 - u) * (1 - u) * (1 - u);
      EXPECT_NEAR(cubic(t, steps, curve), expected, 1e-9) << t << " of " << steps;
    }
  }
  EXPECT_EQ(cubic(0, 10, {0.2, 0.5, 0, 0}), 0.2);
  EXPECT_EQ(cubic(10, 10, {0.2, 0.5, 0, 0}), 0.5);
  EXPECT_EQ(cubic(5, 10, {0.2, 0.5, 0.5, 0.5}), 0.5) << "a step";
}

}  // namespace
}  // namespace filigree::adapt
