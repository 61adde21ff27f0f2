// Block movement: masks of blocks and neurons, their gradients, and the prune of what is left empty.
//
// labels: unit
#include <ATen/TensorOperators.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/sigmoid.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "core/adapt/learned_mask.h"
#include "core/adapt/method.h"
#include "core/adapt/methods/masks/block_movement.h"
#include "core/prune/plan.h"
#include "core/prune/score.h"
#include "core/recipe/key_error.h"
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
  Attached() : AttachedMethod({"block_movement", options()}) { draw_scores(1.0); }

  static std::shared_ptr<BlockMovementOptions> options() {
    auto options = std::make_shared<BlockMovementOptions>();
    options->block = 3;
    options->threshold = 0.5;
    return options;
  }
  const at::Tensor& mask(const nn::Linear& linear) const { return learned_mask(linear)->mask()->value(); }
};

TEST(BlockMovement, MasksWholeBlocksAndNeurons) {
  Attached run;
  run.method->refresh(run.model, run.at(100));
  const nn::Linear& query = run.model.linear(0, ToyModel::query);
  EXPECT_EQ(run.score(query).sizes().vec(), (std::vector<int64_t>{4, 4}));
  const at::Tensor kept = at::sigmoid(run.score(query).detach()).gt(0.5);
  EXPECT_TRUE(run.mask(query).to(at::kBool).equal(kept.repeat_interleave(3, 0).repeat_interleave(3, 1)));
  const nn::Linear& in = run.model.linear(0, ToyModel::ffn_in);
  const nn::Linear& out = run.model.linear(0, ToyModel::ffn_out);
  const at::Tensor stays = at::sigmoid(run.score(in).detach()).gt(0.5);
  EXPECT_TRUE(run.mask(in).to(at::kBool).equal(stays.unsqueeze(1).expand({10, 12})));
  EXPECT_TRUE(run.mask(out).to(at::kBool).equal(stays.unsqueeze(0).expand({12, 10})));
  EXPECT_EQ(run.model.parameters().find(out.name() + ".score"), nullptr)
      << "the second matrix has no scores of its own";
}

/// dS = G o W, summed over the block; dW = G o M.
TEST(BlockMovement, GradientsAreSumsOverTheBlock) {
  Attached run;
  run.method->refresh(run.model, run.at(100));
  nn::Linear& key = run.model.linear(1, ToyModel::key);
  const at::Tensor x = drawn(1, {6, 12}, 1.0), g = drawn(2, {6, 12}, 1.0);
  key.forward(x).backward(g);
  const at::Tensor product = g.t().mm(x), weight = key.weight()->value().detach();
  EXPECT_LE(max_difference(run.score(key).grad(), product.mul(weight).view({4, 3, 4, 3}).sum({1, 3})), 1e-5);
  EXPECT_LE(max_difference(key.weight()->value().grad(), product.mul(run.mask(key))), 1e-5);

  nn::Linear& in = run.model.linear(1, ToyModel::ffn_in);
  nn::Linear& out = run.model.linear(1, ToyModel::ffn_out);
  const at::Tensor h = drawn(3, {6, 10}, 1.0), of_in = drawn(4, {6, 10}, 1.0), of_out = drawn(5, {6, 12}, 1.0);
  in.forward(x).backward(of_in);
  out.forward(h).backward(of_out);
  const at::Tensor wanted = of_in.t().mm(x).mul(in.weight()->value().detach()).sum(1) +
                            of_out.t().mm(h).mul(out.weight()->value().detach()).sum(0);
  EXPECT_LE(max_difference(run.score(in).grad(), wanted), 1e-5) << "of both matrices";
}

TEST(BlockMovement, EmptyHeadsAndNeuronsAreRemovedWithoutAChangeOfTheLogits) {
  Attached run;
  nn::Linear& attention = run.model.linear(0, ToyModel::attention_out);
  run.score(attention).detach().select(1, 2).fill_(-1);  // the columns of head 2
  run.method->refresh(run.model, run.at(100));
  const at::NoGradGuard no_grad;
  const auto batch = test::toy_batch({1, 2, 3});
  const at::Tensor before = test::logits(run.model, batch);
  const auto scores = prune::score_structures(run.model, {.score = prune::builtin_scores().at("live")}, *run.ranks);
  EXPECT_EQ(scores[0][2], 0);
  EXPECT_EQ(scores[0][0], run.mask(attention).narrow(1, 0, 3).sum().item<int64_t>());
  const auto plan = prune::make_plan(run.model.structures(), scores, {.score_name = "live", .below = 0.0});
  prune::apply(run.model, plan);
  run.method->refresh(run.model, run.at(100));
  EXPECT_LT(attention.weight()->value().size(1), 12);
  const nn::Linear& in = run.model.linear(0, ToyModel::ffn_in);
  EXPECT_EQ(in.weight()->value().size(0), run.score(in).numel());
  EXPECT_LT(run.score(in).numel(), 10);
  EXPECT_TRUE(run.mask(in).all().item<bool>()) << "no neuron is left that is masked";
  EXPECT_LE(max_difference(test::logits(run.model, batch), before), 1e-5);
}

TEST(BlockMovement, ALaterMethodTrainsADenseModel) {
  Attached run;
  run.method->refresh(run.model, run.at(100));
  const auto batch = test::toy_batch({1, 2, 3});
  const at::Tensor before = test::logits(run.model, batch);
  run.method->detach(run.model);
  EXPECT_LE(max_difference(test::logits(run.model, batch), before), 1e-6);
  EXPECT_EQ(run.model.parameters().size(), ToyModel().parameters().size());
  EXPECT_EQ(run.model.linear(0, ToyModel::query).transform(), nullptr);
}

TEST(BlockMovement, TheBlockDividesTheHead) {
  ToyModel model;
  const auto ranks = dist::make_single();
  BlockMovementOptions options;
  options.block = 2;
  const auto method = builtin_methods().make({"block_movement", std::make_shared<BlockMovementOptions>(options)});
  EXPECT_THROW(method->attach(model, {3, *ranks, *ranks}), recipe::KeyError);
}

}  // namespace
}  // namespace filigree::adapt
