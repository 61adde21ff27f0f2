// Bytes by axis and purpose, and element counts of a model.
//
// labels: unit
#include "core/parallel/comm_bytes.h"

#include <ATen/ops/ones.h>
#include <gtest/gtest.h>

#include "core/parallel/parallelize.h"
#include "dist/factory.h"
#include "tests/support/toy_model.h"

namespace filigree::train {
namespace {

using test::ToyModel;

/// Of the toy: embedding, its norm, two layers of four square matrices and an FFN, head.
constexpr int64_t kHead = 3 * 12 + 3;
constexpr int64_t kAll = 20 * 12 + 2 * 12 + 2 * (4 * (144 + 12) + (120 + 10) + (120 + 12)) + kHead;

TEST(CommBytes, AreCountedByAxisAndPhase) {
  dist::run_threads(4, [](dist::Communicator& comm) {
    const dist::Mesh mesh(comm.split(0, comm.rank(), "world"), 2);
    const CommBytes before = comm_bytes(mesh);
    EXPECT_TRUE(difference(comm_bytes(mesh), before).empty()) << "nothing was sent in between";
    {
      const dist::PhaseScope counted(mesh.dp(), "gradients");
      mesh.dp().all_reduce(at::ones({5}, at::kFloat));
    }
    {
      const dist::PhaseScope counted(mesh.tp(), "forward");
      mesh.tp().all_reduce(at::ones({3}, at::kBFloat16));
    }
    mesh.world().all_reduce(at::ones({2}, at::kDouble));
    const CommBytes sent = difference(comm_bytes(mesh), before);
    EXPECT_EQ(sent, (CommBytes{{"dp.gradients", 5 * 4}, {"tp.forward", 3 * 2}, {"world.other", 2 * 8}}));
    EXPECT_EQ(total(sent), 42U);
  });
}

TEST(CommBytes, DifferenceIsTheGrowthOfEachPurpose) {
  const CommBytes before{{"dp.gradients", 10}, {"tp.forward", 7}};
  const CommBytes after{{"dp.gradients", 25}, {"tp.forward", 7}, {"world.other", 3}};
  EXPECT_EQ(difference(after, before), (CommBytes{{"dp.gradients", 15}, {"world.other", 3}}));
  EXPECT_EQ(total({}), 0U);
}

TEST(CommBytes, AxesAreGroups) {
  const auto axes = by_axis({{"dp.gradients", 1}, {"dp.weights", 2}, {"tp.forward", 3}});
  EXPECT_EQ(axes,
            (std::map<std::string, CommBytes>{{"dp", {{"gradients", 1}, {"weights", 2}}}, {"tp", {{"forward", 3}}}}));
}

/// Masks do not count. Frozen values take two bytes in bf16, trainable ones always four.
TEST(CountElements, OfAModelOnOneRank) {
  ToyModel model;
  nn::ParameterTable& table = model.parameters();
  table.add("mask", at::ones({12, 12}, at::kByte), nn::Role::mask);
  for (const std::string& name : model.head_parameters()) table.set_role(table.at(name), nn::Role::trainable);
  table.set_frozen_dtype(at::kBFloat16);
  ElementCounts counts = count_elements(model);
  EXPECT_EQ(counts.total, kAll);
  EXPECT_EQ(counts.total_here, kAll);
  EXPECT_EQ(counts.trainable, kHead);
  EXPECT_EQ(counts.trainable_here, kHead);
  EXPECT_EQ(counts.weight_bytes, static_cast<uint64_t>(2 * (kAll - kHead) + 4 * kHead));
  model.linear(0, ToyModel::query).weight()->shard([](bool) { return at::Tensor(); });
  counts = count_elements(model);
  EXPECT_EQ(counts.total_here, kAll);
  EXPECT_EQ(counts.weight_bytes, static_cast<uint64_t>(2 * (kAll - kHead - 144) + 4 * kHead))
      << "its bytes are elsewhere";
}

/// Both ranks hold the norm, the biases after a sum over the ranks, and the head.
TEST(CountElements, OfAModelOnTwoRanks) {
  int64_t here = 0;
  for (int64_t rank = 0; rank < 2; ++rank) {
    ToyModel model;
    shard_model(model, rank, 2);
    nn::Parameter& query = *model.linear(0, ToyModel::query).weight();
    model.parameters().set_role(query, nn::Role::trainable);
    const ElementCounts counts = count_elements(model);
    EXPECT_EQ(counts.total, kAll);
    EXPECT_EQ(counts.trainable, 144);
    EXPECT_EQ(counts.trainable_here, 72);
    EXPECT_EQ(counts.weight_bytes, static_cast<uint64_t>(4 * counts.total_here));
    here += counts.total_here;
  }
  constexpr int64_t kReplicated = 2 * 12 + 2 * (12 + 12) + kHead;
  EXPECT_EQ(here, kAll + kReplicated);
}

}  // namespace
}  // namespace filigree::train
