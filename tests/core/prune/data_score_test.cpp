// Scores that read data: taylor against autograd on weights that require a gradient, coefficients against what a model
// with scaled columns computes; the same on any number of ranks.
#include <ATen/ops/allclose.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include <mutex>

#include "core/error.h"
#include "core/prune/scores/coefficients.h"
#include "core/prune/scores/taylor_importance.h"
#include "dist/factory.h"
#include "tests/support/toy_model.h"

namespace filigree::prune {
namespace {

using test::DenseAdapter;
using test::logits;
using test::toy_batch;
using test::ToyModel;

constexpr int64_t kBatches = 3, kBatchSize = 8;

/// This rank's samples of a global batch.
std::vector<int64_t> share(int64_t batch, int rank, int ranks) {
  std::vector<int64_t> samples;
  for (int64_t i = rank; i < kBatchSize; i += ranks) samples.push_back(batch * kBatchSize + i);
  return samples;
}

nn::GradientBatches pass_for(ToyModel& model, dist::Communicator& dp) {
  const auto run_batch = [&model, &dp](int64_t i) {
    const auto samples = share(i, dp.rank(), dp.size());
    model.forward(toy_batch(samples), {}).loss_sum.div(static_cast<double>(kBatchSize)).backward();
  };
  return {kBatches, run_batch, dp};
}

void dress(ToyModel& model) {
  nn::Linear& query = model.linear(0, ToyModel::query);
  query.set_adapter(std::make_shared<DenseAdapter>(model, query, 3));
}

Scores data_scores(ToyModel& model, const std::string& kind, dist::Communicator& dp) {
  ScoreRequest request;
  request.score = builtin_scores().at(kind);
  request.data.emplace(pass_for(model, dp));
  return score_structures(model, request, *dist::make_single());
}

at::Tensor grad_of(const nn::ParameterPtr& parameter) { return parameter->value().grad().detach().clone(); }

TEST(TaylorTest, GradientsOfFrozenWeightsAreAutogradsOwn) {
  ToyModel frozen, trained;
  dress(frozen);
  dress(trained);
  for (nn::Linear* linear : trained.linears()) {
    trained.parameters().set_role(*linear->weight(), nn::Role::trainable);
    trained.parameters().set_role(*linear->bias(), nn::Role::trainable);
  }
  for (ToyModel* model : {&frozen, &trained}) {  // hooks of others, as tensor parallelism sets them
    model->linear(1, ToyModel::key).input_hook = [](const at::Tensor& x) { return x.mul(1.5); };
    model->linear(1, ToyModel::key).output_hook = [](const at::Tensor& y) { return y.mul(2); };
  }
  const std::vector<nn::Linear*> linears = frozen.linears();
  nn::WeightGradients gradients(linears);
  const auto single = dist::make_single();
  for (int64_t batch = 0; batch < 2; ++batch) {
    pass_for(frozen, *single).run_batch(batch);
    pass_for(trained, *single).run_batch(batch);
  }
  for (size_t i = 0; i < linears.size(); ++i) {
    const at::Tensor weight = grad_of(trained.linears()[i]->weight()), bias = grad_of(trained.linears()[i]->bias());
    EXPECT_TRUE(at::allclose(gradients.weight(i), weight, 1e-4, 1e-6)) << linears[i]->name();
    EXPECT_TRUE(at::allclose(gradients.bias(i), bias, 1e-4, 1e-6)) << linears[i]->name();
    EXPECT_GT(weight.abs().max().item<double>(), 1e-4) << "no gradient: no test";
  }
  gradients.zero();
  EXPECT_EQ(gradients.flat().abs().max().item<double>(), 0);
}

TEST(TaylorTest, HooksAreRestored) {
  ToyModel model;
  int calls = 0;
  nn::Linear& key = model.linear(1, ToyModel::key);
  key.input_hook = [&calls](const at::Tensor& x) { return ++calls, x; };
  const at::Tensor before = logits(model, toy_batch({1, 2}));
  {
    const nn::WeightGradients gradients(model.linears());
    EXPECT_TRUE(logits(model, toy_batch({1, 2})).equal(before));
    EXPECT_EQ(calls, 2) << "the hook that was there still runs";
  }
  EXPECT_TRUE(key.input_hook);
  EXPECT_FALSE(key.output_hook);
  EXPECT_FALSE(model.linear(0, ToyModel::query).input_hook);
  EXPECT_TRUE(logits(model, toy_batch({1, 2})).equal(before));
}

/// The definition, with autograd on every weight and the sums written out.
std::vector<double> reference(const nn::StructureGroup& of, int64_t batches) {
  ToyModel model;
  dress(model);
  std::vector<nn::ParameterPtr> weights;
  nn::StructureGroup group = model.structures()[of.kind == nn::StructureKind::head ? 2 * of.layer : 2 * of.layer + 1];
  for (const auto& member : group.members) {
    model.parameters().set_role(*member.linear->weight(), nn::Role::trainable);
    model.parameters().set_role(*member.linear->bias(), nn::Role::trainable);
  }
  std::vector<double> scores(static_cast<size_t>(group.total), 0.0);
  for (int64_t batch = 0; batch < batches; ++batch) {
    for (const auto& member : group.members) {
      member.linear->weight()->value().mutable_grad() = at::Tensor();
      member.linear->bias()->value().mutable_grad() = at::Tensor();
    }
    pass_for(model, *dist::make_single()).run_batch(batch);
    for (const auto& member : group.members) {
      const at::Tensor worth = grad_of(member.linear->weight()).mul(member.linear->merged_weight()).abs();
      const at::Tensor bias = grad_of(member.linear->bias()).mul(member.linear->bias()->value().detach()).abs();
      for (int64_t unit = 0; unit < group.total; ++unit) {
        const int64_t first = unit * group.unit;
        scores[static_cast<size_t>(unit)] += worth.narrow(member.dim, first, group.unit).sum().item<double>();
        if (member.dim == 0)
          scores[static_cast<size_t>(unit)] += bias.narrow(0, first, group.unit).sum().item<double>();
      }
    }
  }
  return scores;
}

TEST(TaylorTest, ScoresAreTheDefinition) {
  ToyModel model;
  dress(model);
  const Scores scores = data_scores(model, "taylor", *dist::make_single());
  for (size_t g = 0; g < scores.size(); ++g) {
    const std::vector<double> expected = reference(model.structures()[g], kBatches);
    for (size_t i = 0; i < expected.size(); ++i)
      EXPECT_NEAR(scores[g][i], expected[i], 1e-4 * expected[i]) << g << ' ' << i;
  }
}

class AnyRanksTest : public ::testing::TestWithParam<std::string> {};

TEST_P(AnyRanksTest, SameScoresAndSamePlan) {
  const auto scores_over = [](dist::Communicator& dp) {
    ToyModel model;
    dress(model);
    return data_scores(model, GetParam(), dp);
  };
  const Scores alone = scores_over(*dist::make_single());
  ToyModel model;
  const uint64_t plan = make_plan(model.structures(), alone, {0.25, 0.4, true, ""}).hash();
  for (const int ranks : {2, 3}) {
    std::mutex mutex;
    dist::run_threads(ranks, [&](dist::Communicator& world) {
      const Scores shared = scores_over(world);
      ToyModel mine;
      const uint64_t hash = make_plan(mine.structures(), shared, {0.25, 0.4, true, ""}).hash();
      const std::lock_guard lock(mutex);
      EXPECT_EQ(hash, plan);
      for (size_t g = 0; g < alone.size(); ++g) {
        for (size_t i = 0; i < alone[g].size(); ++i)
          EXPECT_NEAR(shared[g][i], alone[g][i], 1e-4 * std::abs(alone[g][i]));
      }
    });
  }
}

std::string name_of(const ::testing::TestParamInfo<std::string>& test) { return test.param; }

INSTANTIATE_TEST_SUITE_P(Scores, AnyRanksTest, ::testing::Values("taylor", "l1"), name_of);

std::vector<nn::StructureGroup*> groups_of(ToyModel& model) {
  std::vector<nn::StructureGroup*> groups;
  for (auto& group : model.structures()) groups.push_back(&group);
  return groups;
}

TEST(CoefficientsTest, OneChangesNothingAndZeroRemovesTheUnit) {
  ToyModel model, pruned;
  const auto batch = toy_batch({0, 1, 2});
  const at::Tensor before = logits(model, batch);
  {
    Coefficients coefficients(groups_of(model));
    EXPECT_TRUE(logits(model, batch).equal(before));
    at::Tensor step = at::zeros_like(coefficients.gradients());
    step[1].fill_(1);               // head 1 of layer 0
    step[4 + 10 + 2].fill_(1);      // head 2 of layer 1
    step[4 + 10 + 4 + 9].fill_(1);  // neuron 9 of layer 1
    coefficients.update(step);
    auto plan = make_plan(pruned.structures(), Scores(4), {});
    plan.groups[0].kept = {0, 2, 3};
    plan.groups[2].kept = {0, 1, 3};
    plan.groups[3].kept.pop_back();
    apply(pruned, plan);
    EXPECT_TRUE(at::allclose(logits(model, batch), logits(pruned, batch), 1e-5, 1e-6));
  }
  EXPECT_TRUE(logits(model, batch).equal(before)) << "the hooks are gone";
}

TEST(CoefficientsTest, GradientIsTheLossesSlope) {
  ToyModel model;
  Coefficients coefficients(groups_of(model));
  const auto batch = toy_batch({0, 1, 2, 3});
  const auto loss = [&] { return model.forward(batch, {}).loss_sum; };
  loss().backward();
  const at::Tensor gradient = coefficients.gradients();
  for (const int64_t i : {0, 3, 7, 15, 27}) {
    at::Tensor step = at::zeros_like(gradient);
    constexpr double kStep = 2e-3;  // its square times the third derivative is the error of the difference
    step[i].fill_(kStep);
    coefficients.update(step.neg());
    const double up = loss().item<double>();
    coefficients.update(step.mul(2));
    const double down = loss().item<double>();
    coefficients.update(step.neg());
    const double slope = gradient[i].item<double>();
    EXPECT_NEAR((up - down) / (2 * kStep), slope, 1e-2 * std::abs(slope) + 2e-3) << i;
  }
  coefficients.zero_gradients();
  EXPECT_EQ(coefficients.gradients().abs().max().item<double>(), 0);
}

TEST(CoefficientsTest, APenaltyAlonePullsAllDownAlike) {
  ToyModel model;
  L1Options options;
  options.lambda = 1e6;  // the loss is nothing beside it: Adam takes full steps
  const auto single = dist::make_single();
  const Scores scores = l1_scores(groups_of(model), pass_for(model, *single), options);
  for (const auto& group : scores) {
    for (const double score : group) EXPECT_NEAR(score, 1 - kBatches * options.lr, 1e-4);
  }
}

TEST(CoefficientsTest, EntriesHaveNoCoefficient) {
  ToyModel model;
  ScoreRequest request;
  request.score = builtin_scores().at("l1");
  const auto single = dist::make_single();
  request.data.emplace(pass_for(model, *single));
  EXPECT_THROW(score_entries(model.linears(), request), UsageError);
}

}  // namespace
}  // namespace filigree::prune
