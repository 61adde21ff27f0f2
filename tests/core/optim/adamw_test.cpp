#include "core/optim/adamw.h"

#include <ATen/Context.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/safetensors/safetensors.h"
#include "dist/factory.h"
#include "tests/support/compare.h"

namespace filigree::optim {
namespace {

using nn::ParameterTable;
using nn::Role;
using test::max_difference;
using test::randn;

// As in optim_reference.py.
constexpr int kSteps = 50;
constexpr double kLr = 3e-3, kScale = 1.0 / 32, kClip = 1.0, kDecay = 0.05;
const std::vector<std::string> kNames = {"matrix", "bias", "large", "values"};

class Reference {
 public:
  static bool present() { return std::filesystem::exists(path()); }
  static std::string path() { return FILIGREE_BINARY_DIR "/optim_reference/adamw.safetensors"; }
  Reference() : reader_(checkpoint::SafetensorsReader::open(path())) {}

  at::Tensor read(const std::string& name) const { return reader_.read(name); }
  at::Tensor gradient(int step) const {
    std::vector<at::Tensor> parts;
    for (const std::string& name : kNames) parts.push_back(read(fmt::format("grad.{}.{}", step, name)).view({-1}));
    return at::cat(parts);
  }

 private:
  checkpoint::SafetensorsReader reader_;
};

ParameterTable table_at_start(const Reference& reference, at::Device device) {
  ParameterTable table;
  for (const std::string& name : kNames) table.add(name, reference.read("start." + name).to(device), Role::trainable);
  return table;
}

void train_and_compare(at::Device device) {
  const Reference reference;
  ParameterTable table = table_at_start(reference, device);
  AdamW optimizer(table, {0.9, 0.999, 1e-8, kDecay});
  for (int step = 0; step < kSteps; ++step) {
    const at::Tensor gradient = reference.gradient(step).to(device);
    const double norm = optimizer.grad_norm(gradient, kScale, *dist::make_single());
    EXPECT_NEAR(norm, reference.read(fmt::format("norm.{}", step)).item<double>(), 1e-6 * norm) << step;
    optimizer.step(gradient, kScale, std::min(1.0, kClip / (norm + 1e-6)), kLr);
    if (step != 0 && step != 1 && step != kSteps - 1) continue;
    for (const std::string& name : kNames)
      EXPECT_LE(max_difference(table.at(name).value(), reference.read(fmt::format("value.{}.{}", step, name))), 1e-6)
          << name << " after step " << step;
  }
  for (const auto& moment : optimizer.state())
    EXPECT_LE(max_difference(moment.values, reference.read(moment.slot + "." + moment.parameter)), 1e-7)
        << moment.slot << " of " << moment.parameter;
  EXPECT_EQ(optimizer.steps(), kSteps);
}

TEST(AdamW, AgreesWithTorchOverFiftySteps) {
  if (!Reference::present()) GTEST_SKIP() << Reference::path() << " is missing: the fixture optim_reference makes it";
  train_and_compare(at::kCPU);
}

TEST(AdamW, AgreesWithTorchOnTheGpu) {
  if (!at::hasCUDA()) GTEST_SKIP() << "no CUDA device here";
  if (!Reference::present()) GTEST_SKIP() << Reference::path() << " is missing: the fixture optim_reference makes it";
  train_and_compare(at::kCUDA);
}

struct Small {
  ParameterTable table;
  Small() {
    table.add("frozen", randn("f", {3}));
    table.add("a", randn("a", {4, 3}), Role::trainable);
    table.add("b", randn("b", {5}), Role::trainable);
  }
};

TEST(AdamW, ParametersBecomeLeafViewsOfOneBuffer) {
  Small small;
  AdamW optimizer(small.table, {});
  const auto leaves = optimizer.leaves();
  ASSERT_EQ(leaves.size(), 2U);
  for (const at::Tensor& leaf : leaves) EXPECT_TRUE(leaf.is_leaf() && leaf.requires_grad());
  EXPECT_TRUE(leaves[0].is_same(small.table.at("a").value()));
  EXPECT_EQ(leaves[1].const_data_ptr<float>(), leaves[0].const_data_ptr<float>() + 12);
  EXPECT_EQ(max_difference(leaves[0], randn("a", {4, 3})), 0.0);
  leaves[0].mul(2.0).sum().backward();
  EXPECT_EQ(leaves[0].grad().sum().item<float>(), 24.0F);
  optimizer.step(at::tensor(std::vector<float>(17, 1.0F)), 1.0, 1.0, 0.1);
  EXPECT_NEAR(max_difference(small.table.at("a").value(), randn("a", {4, 3})), 0.1, 1e-5);
  EXPECT_EQ(max_difference(small.table.at("frozen").value(), randn("f", {3})), 0.0);
}

TEST(AdamW, StateIsLoadedByName) {
  Small one, two;
  AdamW first(one.table, {}), second(two.table, {});
  for (int step = 0; step < 3; ++step) first.step(randn(fmt::format("g{}", step), {17}), 1.0, 1.0, 0.1);
  for (const auto& name : {"a", "b"}) two.table.at(name).value().detach().copy_(one.table.at(name).value().detach());
  auto moments = first.state();
  std::reverse(moments.begin(), moments.end());
  second.load(moments, first.steps());
  first.step(randn("last", {17}), 1.0, 1.0, 0.1);
  second.step(randn("last", {17}), 1.0, 1.0, 0.1);
  EXPECT_EQ(max_difference(one.table.at("a").value(), two.table.at("a").value()), 0.0);
  EXPECT_EQ(max_difference(one.table.at("b").value(), two.table.at("b").value()), 0.0);

  EXPECT_THROW(second.load({moments[0]}, 3), DataError);
  moments[0].values = at::zeros({2}, at::kFloat);
  EXPECT_THROW(second.load(moments, 3), DataError);
}

/// After a prune the moments are those of the kept rows, and what follows is what it would have been without the
/// others.
TEST(AdamW, RebuildSlicesTheMoments) {
  Small whole, pruned;
  AdamW full(whole.table, {}), shrunk(pruned.table, {});
  const at::Tensor g1 = randn("g1", {17}), g2 = randn("g2", {17});
  full.step(g1, 1.0, 1.0, 0.1);
  shrunk.step(g1, 1.0, 1.0, 0.1);
  const at::Tensor rows = at::tensor({1, 3}, at::kLong), entries = at::tensor({0, 2, 4}, at::kLong);
  const auto a = pruned.table.find("a");
  std::vector<nn::Reslice> records = {nn::reslice(a, 0, nn::keep_indices(rows)),
                                      nn::reslice(pruned.table.find("b"), 0, nn::keep_indices(entries))};
  records.push_back(nn::reslice(a, 1, nn::keep_indices(at::tensor({0, 2}, at::kLong))));
  shrunk.rebuild(pruned.table, records);
  EXPECT_EQ(shrunk.leaves()[0].sizes().vec(), (std::vector<int64_t>{2, 2}));
  const auto keep = [&](const at::Tensor& flat) {
    const at::Tensor of_a =
        flat.narrow(0, 0, 12).view({4, 3}).index_select(0, rows).index_select(1, at::tensor({0, 2}, at::kLong));
    return at::cat({of_a.reshape({-1}), flat.narrow(0, 12, 5).index_select(0, entries)});
  };
  full.step(g2, 1.0, 1.0, 0.1);
  shrunk.step(keep(g2), 1.0, 1.0, 0.1);
  const at::Tensor expected =
      keep(at::cat({whole.table.at("a").value().detach().view({-1}), whole.table.at("b").value().detach()}));
  const at::Tensor found =
      at::cat({pruned.table.at("a").value().detach().reshape({-1}), pruned.table.at("b").value().detach().view({-1})});
  EXPECT_EQ(max_difference(found, expected), 0.0);
  EXPECT_EQ(shrunk.steps(), 2);
}

TEST(AdamW, RebuildFollowsAChangeOfRoles) {
  Small small;
  AdamW optimizer(small.table, {});
  optimizer.step(randn("g", {17}), 1.0, 1.0, 0.1);
  const at::Tensor m_of_b = optimizer.state()[2].values.clone();
  small.table.set_role(small.table.at("a"), Role::frozen);
  small.table.set_role(small.table.at("frozen"), Role::trainable);
  optimizer.rebuild(small.table, {});
  const auto moments = optimizer.state();
  ASSERT_EQ(moments.size(), 4U) << "m and v of two parameters";
  EXPECT_EQ(moments[0].parameter, "frozen");
  EXPECT_EQ(test::largest_entry(moments[0].values), 0.0);
  EXPECT_EQ(moments[2].slot, "m");
  EXPECT_EQ(max_difference(moments[2].values, m_of_b), 0.0);
  EXPECT_FALSE(small.table.at("a").value().requires_grad());
}

/// A model over tensor-parallel ranks: a matrix of which each rank has its rows, and a vector that all have.
struct OverRanks {
  ParameterTable table;
  explicit OverRanks(const dist::Communicator& tp) {
    const at::Tensor whole = randn("split", {7, 3});
    table.add("split", whole, Role::trainable, {0, dist::even_part(7, tp.rank(), tp.size())});
    table.add("replicated", randn("replicated", {5}), Role::trainable);
    table.add("partial", randn("partial", {4}), Role::trainable)->partial_gradient = true;
  }
};

/// sqrt of the sum of squares over the whole model: the rows of all ranks, and each replicated value once.
TEST(AdamW, NormOverRanksCountsEachValueOnce) {
  const at::Tensor whole = at::cat({randn("g split", {21}), randn("g replicated", {9})}).to(at::kDouble);
  const double expected = 0.25 * std::sqrt(whole.square().sum().item<double>());
  for (const int ranks : {1, 2, 3}) {
    dist::run_threads(ranks, [&](dist::Communicator& tp) {
      OverRanks model(tp);
      const AdamW optimizer(model.table, {});
      const dist::IndexRange rows = dist::even_part(7, tp.rank(), tp.size());
      const at::Tensor grad =
          at::cat({randn("g split", {21}).slice(0, 3 * rows.begin, 3 * rows.end), randn("g replicated", {9})});
      EXPECT_NEAR(optimizer.grad_norm(grad, -0.25, tp), expected, 1e-6 * expected) << ranks;
    });
  }
}

/// Only the gradients of parameters that are marked as partial change; the sum goes into their place.
TEST(AdamW, PartialGradientsAreSummedOverRanks) {
  for (const int ranks : {1, 3}) {
    dist::run_threads(ranks, [&](dist::Communicator& tp) {
      OverRanks model(tp);
      const AdamW optimizer(model.table, {});
      const int64_t own = 3 * dist::even_part(7, tp.rank(), tp.size()).size() + 5;
      const auto part = [](int rank) { return randn(fmt::format("part {}", rank), {4}); };
      const at::Tensor others = randn("others", {own}), grad = at::cat({others, part(tp.rank())});
      optimizer.sum_partial(grad, tp);
      at::Tensor sum = part(0);
      for (int rank = 1; rank < tp.size(); ++rank) sum = sum.add(part(rank));
      EXPECT_EQ(max_difference(grad.narrow(0, 0, own), others), 0.0);
      EXPECT_LE(max_difference(grad.narrow(0, own, 4), sum), 1e-6);
    });
  }
}

TEST(AdamW, NothingToTrainIsTheUsersMistake) {
  ParameterTable table;
  table.add("frozen", randn("f", {3}));
  EXPECT_THROW(AdamW(table, {}), UsageError);
}

}  // namespace
}  // namespace filigree::optim
