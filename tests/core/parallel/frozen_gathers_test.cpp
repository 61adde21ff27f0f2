// The gathers that are counted without running the model are those that FrozenShards makes.
//
// labels: unit
#include "core/parallel/frozen_gathers.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "core/parallel/frozen_shards.h"
#include "dist/factory.h"
#include "tests/support/toy_model.h"

namespace filigree::train {
namespace {

using test::toy_batch;
using test::ToyModel;

using Train = std::function<void(ToyModel&)>;

Train training(const std::string& part) {
  return [part](ToyModel& model) {
    for (const nn::ParameterPtr& parameter : model.parameters())
      if (parameter->name.find(part) != std::string::npos) model.parameters().set_role(*parameter, nn::Role::trainable);
  };
}

Train adapting(size_t layer, ToyModel::Member member) {
  return [layer, member](ToyModel& model) {
    nn::Linear& linear = model.linear(layer, member);
    linear.set_adapter(std::make_shared<test::DenseAdapter>(model, linear, 3));
  };
}

const std::map<std::string, Train>& methods() {
  static const std::map<std::string, Train> all = {
      {"biases", training(".bias")},
      {"embedding", training("word_embeddings")},
      {"head", training("classifier")},
      {"an update of the first layer", adapting(0, ToyModel::query)},
      {"an update of layer 1", adapting(1, ToyModel::query)},
      {"an update of the last linear", adapting(2, ToyModel::ffn_out)},
  };
  return all;
}

constexpr test::ToySizes kThreeLayers{3};

uint64_t measured(const Train& roles, dist::Communicator& dp, int64_t passes) {
  ToyModel model(kThreeLayers);
  roles(model);
  FrozenShards shards(model, dp);
  for (int step = 0; step < 2; ++step) {
    shards.drop();
    for (int64_t pass = 0; pass < passes; ++pass) model.forward(toy_batch({dp.rank(), pass}), {}).loss_sum.backward();
  }
  return shards.group().bytes_by_phase().at("weights") / 2;
}

TEST(FrozenGathers, AreThoseOfAStep) {
  for (const auto& [name, roles] : methods())
    for (const int ranks : {2, 3})
      for (const int64_t passes : {1, 2, 3}) {
        dist::run_threads(ranks, [&, &method = name, &set_roles = roles](dist::Communicator& dp) {
          ToyModel model(kThreeLayers);
          set_roles(model);
          EXPECT_EQ(frozen_gathers(model, ranks, passes, false).bytes, measured(set_roles, dp, passes))
              << method << ", " << ranks << " ranks, " << passes << " passes";
        });
      }
}

/// A layer that runs again finds the units that its backward pass uses next.
TEST(FrozenGathers, ActivationCheckpointingGathersNoMore) {
  for (const auto& [name, roles] : methods()) {
    ToyModel model(kThreeLayers);
    roles(model);
    const uint64_t plain = frozen_gathers(model, 2, 1, false).bytes, again = frozen_gathers(model, 2, 1, true).bytes;
    EXPECT_EQ(again, plain) << name;
  }
}

TEST(FrozenGathers, TwoUnitsAreHeldAtOnce) {
  ToyModel model;
  constexpr uint64_t kEmbedding = uint64_t{20} * 12 * 4, kLayer = uint64_t{4} * (4 * 12 * 12 + 2 * 10 * 12);
  const FrozenGathers gathers = frozen_gathers(model, 2, 1, false);
  EXPECT_EQ(gathers.held_early, kEmbedding + kLayer);
  EXPECT_EQ(gathers.held, 2 * kLayer);
}

TEST(FrozenGathers, AreNoneIfEverythingTrains) {
  ToyModel model;
  training("")(model);
  const FrozenGathers gathers = frozen_gathers(model, 2, 2, false);
  EXPECT_EQ(gathers.bytes + gathers.held + gathers.held_early, 0U);
}

}  // namespace
}  // namespace filigree::train
