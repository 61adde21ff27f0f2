// The method `gates`: penalty, draws, the end of the stage, and what a later method finds.
//
// labels: unit
#include <ATen/TensorOperators.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "core/adapt/gate_draws.h"
#include "core/adapt/method.h"
#include "core/adapt/methods/masks/gates.h"
#include "core/nn/column_gates.h"
#include "core/prune/score.h"
#include "core/recipe/key_error.h"
#include "dist/factory.h"
#include "tests/core/adapt/attached.h"
#include "tests/support/compare.h"
#include "tests/support/toy_model.h"

namespace filigree::adapt {
namespace {

using nn::StructureKind;
using test::drawn;
using test::max_difference;
using test::ToyModel;

struct Attached : AttachedMethod {
  explicit Attached(GatesOptions options = {})
      : AttachedMethod({"gates", std::make_shared<GatesOptions>(std::move(options))}) {}
  std::vector<at::Tensor> gates() {
    std::vector<at::Tensor> all;
    for (const nn::Linear* linear : model.linears())
      if (const nn::ColumnGates* of = nn::column_gates(*linear)) all.push_back(of->gates()->value());
    return all;
  }
};

TEST(Gates, StartWithTheModelsFunction) {
  ToyModel plain;
  Attached run;
  ASSERT_EQ(run.gates().size(), 4U) << "heads and neurons of two layers";
  EXPECT_EQ(run.gates()[0].numel(), 4);
  EXPECT_EQ(run.gates()[1].numel(), 10);
  EXPECT_TRUE(test::logits(run.model, test::toy_batch({1})).equal(test::logits(plain, test::toy_batch({1}))));
  EXPECT_TRUE(run.model.linear(0, ToyModel::query).weight()->trainable());
}

TEST(Gates, ThePenaltyIsTheSignTimesTheNumberOfLosses) {
  GatesOptions options;
  options.penalty = 0.25;
  Attached run(options);
  for (const at::Tensor& gates : run.gates()) {
    gates.detach().copy_(drawn(5, gates.sizes().vec(), 1.0));
    gates.mutable_grad() = at::zeros_like(gates.detach()).fill_(2);
  }
  run.method->after_backward(run.model, run.at(1, 8));
  for (const at::Tensor& gates : run.gates())
    EXPECT_LE(max_difference(gates.grad(), gates.detach().sign() * 2.0 + 2.0), 1e-6);
}

TEST(Gates, ADrawRemovesTheLowestOfEachLayersHeadsAndOfAllNeurons) {
  const std::vector<at::Tensor> gates = {at::tensor({0.1F, -2.0F, 0.3F, 0.1F}), at::tensor({5.0F, 1.0F, 1.0F}),
                                         at::tensor({9.0F, 8.0F, 7.0F, 6.0F}), at::tensor({2.0F, 0.5F, 1.0F})};
  const at::Tensor kept =
      draw_units(gates, {StructureKind::head, StructureKind::neuron, StructureKind::head, StructureKind::neuron},
                 {.heads = 0.5, .ffn = 0.5});
  // Signed values; of equal ones the later goes first: in the first layer heads 1 and 3, of the neurons 0.5, 1 and 1.
  EXPECT_TRUE(kept.equal(at::tensor({1, 0, 1, 0, 1, 1, 0, 1, 1, 0, 0, 1, 0, 0}, at::kByte)));
}

TEST(Gates, TheDistanceIsTheLargestToTheLastDraws) {
  const at::Tensor buffer = at::tensor({1, 1, 1, 1, 1, 1, 0, 0}, at::kByte).view({2, 4});
  EXPECT_DOUBLE_EQ(push_draw(buffer, at::tensor({1, 1, 1, 0}, at::kByte)), 0.25);
  EXPECT_TRUE(buffer.equal(at::tensor({1, 1, 1, 0, 1, 1, 1, 1}, at::kByte).view({2, 4})));
  EXPECT_DOUBLE_EQ(push_draw(buffer, at::tensor({0, 0, 0, 0}, at::kByte)), 1.0);
}

TEST(Gates, TheStageEndsWhenTheDrawsAreAlike) {
  GatesOptions options;
  options.stop_distance = 0.01;
  options.draw_every = 2;
  options.draws = 3;
  Attached run(options);
  const auto end_at = [&](int64_t step) {
    run.method->refresh(run.model, run.at(step));
    return run.method->ends_stage(run.model, run.at(step));
  };
  for (int64_t step = 0; step <= 7; ++step) EXPECT_FALSE(end_at(step)) << step;
  // Now another head is the lowest: the draws are alike when that of step 6 is no longer among the last three.
  run.gates()[0].detach().copy_(at::tensor({-1.0F, 1.0F, 1.0F, 1.0F}));
  for (int64_t step = 8; step <= 13; ++step) EXPECT_FALSE(end_at(step)) << step;
  EXPECT_TRUE(end_at(14));
  run.gates()[0].detach().copy_(at::tensor({1.0F, -1.0F, 1.0F, 1.0F}));
  EXPECT_TRUE(end_at(14)) << "a resumed run refreshes again at the same step";
}

TEST(Gates, ALaterMethodFindsTheGatesInTheWeights) {
  GatesOptions options;
  options.stop_distance = 0.1;
  Attached run(options);
  for (const at::Tensor& gates : run.gates()) gates.detach().copy_(drawn(6, gates.sizes().vec(), 1.0));
  const at::Tensor before = test::logits(run.model, test::toy_batch({1, 2}));
  const size_t plain = ToyModel().parameters().size();
  run.method->detach(run.model);
  EXPECT_TRUE(run.gates().empty());
  EXPECT_EQ(run.model.parameters().size(), plain);
  EXPECT_LE(max_difference(test::logits(run.model, test::toy_batch({1, 2})), before), 1e-6);
  run.model.linear(0, ToyModel::attention_out).shrink(1, at::tensor({0, 1, 2}, at::kLong));
}

TEST(Gates, TheScoreIsTheSignedGate) {
  Attached run;
  for (const at::Tensor& gates : run.gates()) gates.detach().copy_(drawn(7, gates.sizes().vec(), 1.0));
  const auto scores = prune::score_structures(run.model, {.score = prune::builtin_scores().at("gates")}, *run.ranks);
  ASSERT_EQ(scores.size(), 4U);
  for (size_t g = 0; g < scores.size(); ++g)
    for (size_t i = 0; i < scores[g].size(); ++i)
      EXPECT_EQ(scores[g][i], static_cast<double>(run.gates()[g][static_cast<int64_t>(i)].item<float>()));
  ToyModel plain;
  EXPECT_THROW(prune::score_structures(plain, {.score = prune::builtin_scores().at("gates")}, *run.ranks),
               recipe::KeyError);
}

}  // namespace
}  // namespace filigree::adapt
