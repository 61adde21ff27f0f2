// Training goes on after a structured prune as if the removed units had only been silenced: weights, updates and the
// optimizer's moments are cut alike.
#include <ATen/ops/cat.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "core/adapt/low_rank_sparse.h"
#include "core/optim/adamw.h"
#include "core/prune/plan.h"
#include "core/prune/score.h"
#include "dist/factory.h"
#include "tests/support/toy_model.h"

namespace filigree::prune {
namespace {

using test::drawn;
using test::toy_batch;
using test::ToyModel;

void add_update(ToyModel& model, nn::Linear& linear) {
  const uint64_t stream = random::hash(linear.name());
  const adapt::Factors factors =
      adapt::add_factors(model.parameters(), linear, drawn(stream, {2, linear.in_features()}, 0.3));
  std::vector<int64_t> rows, cols;
  for (int64_t i = 0; i < linear.out_features(); ++i) {
    rows.push_back(i);
    cols.push_back((5 * i + 1) % linear.in_features());
  }
  const adapt::SparseEntries entries =
      adapt::add_entries(model.parameters(), linear.name(), linear.out_features(), linear.in_features(),
                         at::tensor(rows, at::kLong), at::tensor(cols, at::kLong));
  linear.set_adapter(std::make_shared<adapt::LowRankSparse>(factors, entries, 2.0, 2.0));
}

/// A model with updates everywhere and its optimizer; the head is trained along.
struct Training {
  Training() {
    for (size_t layer = 0; layer < 2; ++layer) {
      for (int member = ToyModel::query; member <= ToyModel::ffn_out; ++member) {
        add_update(model, model.linear(layer, static_cast<ToyModel::Member>(member)));
      }
    }
    for (const std::string& name : model.head_parameters()) {
      model.parameters().set_role(model.parameters().at(name), nn::Role::trainable);
    }
    optimizer = std::make_unique<optim::AdamW>(model.parameters(), optim::AdamWOptions{});
  }

  void train(int64_t first, int64_t steps) {
    for (int64_t step = first; step < first + steps; ++step) {
      for (const optim::Extent& extent : optimizer->extents()) extent.parameter->value().mutable_grad() = at::Tensor();
      model.forward(toy_batch({4 * step, 4 * step + 1, 4 * step + 2, 4 * step + 3}), {}).loss_sum.backward();
      std::vector<at::Tensor> flat;
      for (const optim::Extent& extent : optimizer->extents()) {
        const at::Tensor grad = extent.parameter->value().grad();
        flat.push_back(grad.defined() ? grad.flatten() : at::zeros({extent.numel}, at::kFloat));
      }
      optimizer->step(at::cat(flat), 0.25, 1.0, 1e-2);
    }
  }

  ToyModel model;
  std::unique_ptr<optim::AdamW> optimizer;
};

TEST(PruneTrainingTest, ShrunkTrainsLikeSilenced) {
  Training silent, shrunk;
  silent.train(0, 4);
  shrunk.train(0, 4);
  const auto batch = toy_batch({90, 91, 92, 93});
  ASSERT_TRUE(test::logits(silent.model, batch).equal(test::logits(shrunk.model, batch)));

  const Scores scores = score_structures(shrunk.model, {}, *dist::make_single());
  const PrunePlan plan = make_plan(shrunk.model.structures(), scores, {0.25, 0.4, true, ""});
  for (size_t g = 0; g < plan.groups.size(); ++g) {
    const auto& group = silent.model.structures()[g];
    at::Tensor lines = at::zeros({group.total, group.unit}, at::kFloat);
    for (const int64_t unit : plan.groups[g].kept) lines[unit].fill_(1);
    group.members.back().linear->input_hook = [lines = lines.flatten()](const at::Tensor& x) { return x.mul(lines); };
  }
  const auto records = apply(shrunk.model, plan);
  shrunk.optimizer->rebuild(shrunk.model.parameters(), records);

  silent.train(4, 4);
  shrunk.train(4, 4);
  const at::Tensor expected = test::logits(silent.model, batch);
  const double difference = test::logits(shrunk.model, batch).sub(expected).abs().max().item<double>();
  EXPECT_LE(difference, 1e-4 * expected.abs().max().item<double>());
  EXPECT_EQ(shrunk.optimizer->steps(), 8);
}

}  // namespace
}  // namespace filigree::prune
