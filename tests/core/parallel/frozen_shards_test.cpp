// Sharded frozen weights against full ones: the same losses and gradients to the bit, the bytes that a rank keeps and
// sends, and what happens before and after.
//
// labels: unit
#include "core/parallel/frozen_shards.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/ones.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/error.h"
#include "dist/factory.h"
#include "tests/support/toy_model.h"

namespace filigree::train {
namespace {

using test::toy_batch;
using test::ToyModel;

/// Biases and head are trained, so that every layer has a backward pass; all matrices but the head's are frozen.
void train_biases(ToyModel& model) {
  for (const nn::ParameterPtr& parameter : model.parameters())
    if (parameter->name.ends_with(".bias") || parameter->name.starts_with("classifier"))
      model.parameters().set_role(*parameter, nn::Role::trainable);
}

data::Batch batch_of(const dist::Communicator& dp) { return toy_batch({dp.rank(), dp.rank() + 10, 3}); }

/// Of the toy's embedding and of a layer's six matrices.
constexpr int64_t kEmbedding = 20 * 12, kLayer = 4 * 12 * 12 + 2 * 10 * 12;
uint64_t part_bytes(int64_t elements, int64_t ranks) {
  return static_cast<uint64_t>((elements + ranks - 1) / ranks * 4);
}

TEST(FrozenUnits, AreTheEmbeddingAndTheFrozenMatricesOfEachLayer) {
  ToyModel model;
  model.parameters().set_role(*model.linear(1, ToyModel::value).weight(), nn::Role::trainable);
  const std::vector<FrozenUnit> units = frozen_units(model);
  ASSERT_EQ(units.size(), 3U);
  ASSERT_EQ(units[0].weights.size(), 1U);
  EXPECT_EQ(units[0].weights[0]->name, "bert.embeddings.word_embeddings.weight");
  EXPECT_FALSE(units[0].backward) << "the backward pass of a lookup does not read the table";
  std::vector<std::string> names;
  for (const size_t layer : {1U, 2U}) {
    EXPECT_TRUE(units[layer].backward);
    for (const nn::ParameterPtr& weight : units[layer].weights) names.push_back(weight->name);
  }
  std::vector<std::string> expected;
  for (const char* layer : {"0", "1"})
    for (const char* part : {"attention.self.query", "attention.self.key", "attention.self.value",
                             "attention.output.dense", "intermediate.dense", "output.dense"})
      expected.push_back(std::string("bert.encoder.layer.") + layer + "." + part + ".weight");
  std::erase(expected, "bert.encoder.layer.1.attention.self.value.weight");
  EXPECT_EQ(names, expected) << "in the order of the forward pass, without the trained one";
}

class FrozenShardsTest : public testing::TestWithParam<int> {
 protected:
  static void on_ranks(const std::function<void(dist::Communicator&)>& body) { dist::run_threads(GetParam(), body); }
};

TEST_P(FrozenShardsTest, LossAndGradientsAreThoseOfFullWeights) {
  on_ranks([](dist::Communicator& dp) {
    ToyModel full, sharded;
    train_biases(full);
    train_biases(sharded);
    FrozenShards shards(sharded, dp);
    EXPECT_TRUE(sharded.linear(0, ToyModel::query).weight()->is_sharded());
    EXPECT_FALSE(sharded.parameters().at("classifier.weight").is_sharded());
    for (int step = 0; step < 2; ++step) {
      const at::Tensor loss = full.forward(batch_of(dp), {}).loss_sum;
      const at::Tensor same = sharded.forward(batch_of(dp), {}).loss_sum;
      EXPECT_TRUE(at::equal(same, loss)) << "rank " << dp.rank() << ", step " << step;
      loss.backward();
      same.backward();
      for (const nn::ParameterPtr& parameter : full.parameters().with_role(nn::Role::trainable)) {
        const at::Tensor& grad = sharded.parameters().at(parameter->name).value().grad();
        ASSERT_TRUE(grad.defined()) << parameter->name;
        EXPECT_TRUE(at::equal(grad, parameter->value().grad())) << parameter->name << ", rank " << dp.rank();
      }
      shards.drop();
    }
  });
}

/// A rank keeps 1/ranks of each unit, rounded up. A forward pass sends each part once. The backward pass still has the
/// last layer, and gathers the other one again.
TEST_P(FrozenShardsTest, EachUnitIsSentOncePerPass) {
  on_ranks([](dist::Communicator& dp) {
    ToyModel model;
    train_biases(model);
    FrozenShards shards(model, dp);
    const uint64_t layer = part_bytes(kLayer, dp.size()), kept = part_bytes(kEmbedding, dp.size()) + 2 * layer;
    EXPECT_EQ(shards.bytes(), kept);
    const auto sent = [&] { return shards.group().bytes_by_phase().at("weights"); };
    const at::Tensor loss = model.forward(batch_of(dp), {}).loss_sum;
    EXPECT_EQ(sent(), kept);
    loss.backward();
    EXPECT_EQ(sent(), kept + layer);
    shards.drop();
    test::logits(model, batch_of(dp));
    EXPECT_EQ(sent(), 2 * kept + layer) << "a pass after drop() gathers every unit";
  });
}

TEST_P(FrozenShardsTest, RestoreReturnsTheFullWeights) {
  on_ranks([](dist::Communicator& dp) {
    ToyModel model, same;
    train_biases(model);
    FrozenShards shards(model, dp);
    test::logits(model, batch_of(dp));
    shards.restore();
    for (const nn::ParameterPtr& parameter : same.parameters()) {
      const nn::Parameter& restored = model.parameters().at(parameter->name);
      ASSERT_FALSE(restored.is_sharded()) << parameter->name;
      EXPECT_TRUE(at::equal(restored.value(), parameter->value())) << parameter->name;
    }
    EXPECT_EQ(shards.bytes(), 0U);
    EXPECT_TRUE(at::equal(test::logits(model, batch_of(dp)), test::logits(same, batch_of(dp))));
  });
}

TEST_P(FrozenShardsTest, WithoutItsShardsTheModelHasNoWeights) {
  on_ranks([](dist::Communicator& dp) {
    ToyModel model;
    { const FrozenShards shards(model, dp); }
    EXPECT_THROW(test::logits(model, batch_of(dp)), InternalError);
  });
}

/// A weight that was trained under its mask still has the masked entries when it is frozen.
TEST_P(FrozenShardsTest, GatheredWeightsAreMasked) {
  on_ranks([](dist::Communicator& dp) {
    ToyModel model;
    nn::Linear& query = model.linear(0, ToyModel::query);
    const at::Tensor weight = query.weight()->value().clone(), pattern = at::ones({12, 12}, at::kByte);
    pattern[3].fill_(0);
    model.parameters().set_role(*query.weight(), nn::Role::trainable);
    query.set_mask(model.parameters().add("mask", pattern, nn::Role::mask));
    model.parameters().set_role(*query.weight(), nn::Role::frozen);
    const FrozenShards shards(model, dp);
    EXPECT_TRUE(at::equal(query.weight()->gather(), at::mul(weight, pattern.to(at::kFloat))));
  });
}

INSTANTIATE_TEST_SUITE_P(Ranks, FrozenShardsTest, testing::Values(2, 3, 5));

}  // namespace
}  // namespace filigree::train
