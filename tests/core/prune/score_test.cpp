// Scores of units and entries, against sums written out over the logical matrices.
#include "core/prune/score.h"

#include <ATen/ops/ones.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "core/error.h"
#include "core/prune/unstructured.h"
#include "dist/factory.h"
#include "tests/support/toy_model.h"

namespace filigree::prune {
namespace {

using test::DenseAdapter;
using test::ToyModel;

/// Sum of f over rows (dim 0) or columns (dim 1) of one unit, entry by entry.
template <class F>
double sum_of(const nn::Linear& linear, int64_t dim, int64_t unit, int64_t size, F f) {
  const at::Tensor base = linear.weight()->value().detach();
  const at::Tensor delta = linear.adapter() ? linear.adapter()->delta() : at::zeros_like(base);
  double sum = 0;
  for (int64_t row = 0; row < base.size(0); ++row) {
    for (int64_t col = 0; col < base.size(1); ++col) {
      if ((dim == 0 ? row : col) / size != unit) continue;
      sum += f(base[row][col].item<double>(), delta[row][col].item<double>());
    }
  }
  return sum;
}

double magnitude(double w, double) { return std::abs(w); }
double delta(double, double d) { return std::abs(d); }
double both(double w, double d) { return std::abs(w) + std::abs(d); }
double merged(double w, double d) { return std::abs(w + d); }

Scores scores_of(ToyModel& model, const std::string& kind, bool global = false) {
  ScoreRequest request;
  request.score = builtin_scores().at(kind);
  request.global = global;
  request.seed = 5;
  return score_structures(model, request, *dist::make_single());
}

void add_to_query_and_value(ToyModel& model) {
  for (size_t layer = 0; layer < 2; ++layer) {
    for (const auto member : {ToyModel::query, ToyModel::value}) {
      nn::Linear& linear = model.linear(layer, member);
      linear.set_adapter(std::make_shared<DenseAdapter>(model, linear, 3));
    }
  }
}

template <class F>
void expect_head_scores(ToyModel& model, const std::string& kind, F f) {
  ScoreRequest request;
  request.score = builtin_scores().at(kind);
  request.ffn = false;
  const Scores scores = score_structures(model, request, *dist::make_single());
  for (size_t layer = 0; layer < 2; ++layer) {
    for (int64_t head = 0; head < 4; ++head) {
      const double expected = sum_of(model.linear(layer, ToyModel::query), 0, head, 3, f) +
                              sum_of(model.linear(layer, ToyModel::value), 0, head, 3, f);
      EXPECT_NEAR(scores[2 * layer][static_cast<size_t>(head)], expected, 1e-5 * expected) << kind;
    }
  }
}

TEST(ScoreTest, HeadsReadTheRowsOfQueryAndValue) {
  ToyModel model;
  add_to_query_and_value(model);
  expect_head_scores(model, "magnitude", magnitude);
  expect_head_scores(model, "delta", delta);
  expect_head_scores(model, "magnitude+delta", both);
  expect_head_scores(model, "merged", merged);
}

TEST(ScoreTest, AnAdapterElsewhereIsReadToo) {
  ToyModel model;
  nn::Linear& out = model.linear(0, ToyModel::attention_out);
  const double plain = scores_of(model, "magnitude+delta")[0][2];
  out.set_adapter(std::make_shared<DenseAdapter>(model, out, 3));
  const double expected = plain + sum_of(out, 1, 2, 3, both);
  EXPECT_NEAR(scores_of(model, "magnitude+delta")[0][2], expected, 1e-5 * expected);
}

TEST(ScoreTest, NeuronsReadARowInAndAColumnOut) {
  ToyModel model;
  const Scores scores = scores_of(model, "magnitude+delta");
  for (int64_t neuron = 0; neuron < 10; ++neuron) {
    const double expected = sum_of(model.linear(1, ToyModel::ffn_in), 0, neuron, 1, both) +
                            sum_of(model.linear(1, ToyModel::ffn_out), 1, neuron, 1, both);
    EXPECT_NEAR(scores[3][static_cast<size_t>(neuron)], expected, 1e-5 * expected);
  }
}

TEST(ScoreTest, DeltaWithoutAnAdapterIsRefused) {
  ToyModel model;
  add_to_query_and_value(model);
  ScoreRequest request;
  request.score = builtin_scores().at("delta");
  request.ffn = false;
  EXPECT_EQ(score_structures(model, request, *dist::make_single())[1].size(), 0U);
  request.ffn = true;
  EXPECT_THROW(score_structures(model, request, *dist::make_single()), UsageError);
  EXPECT_THROW(score_entries({&model.linear(0, ToyModel::key)}, request), UsageError);
}

TEST(ScoreTest, MaskedEntriesDoNotCount) {
  ToyModel model;
  nn::Linear& query = model.linear(0, ToyModel::query);
  const double before = scores_of(model, "magnitude")[0][1];
  at::Tensor mask = at::ones({12, 12}, at::kByte);
  mask[4].fill_(0);
  const double row = query.weight()->value()[4].abs().sum().item<double>();
  put_mask(model, query, mask);
  EXPECT_NEAR(scores_of(model, "magnitude")[0][1], before - row, 1e-5);
}

TEST(ScoreTest, GlobalScopeMakesLayersComparable) {
  ToyModel model;
  for (const auto member : {ToyModel::query, ToyModel::value}) model.linear(1, member).weight()->value().mul_(100);
  const Scores plain = scores_of(model, "magnitude"), global = scores_of(model, "magnitude", true);
  for (const size_t group : {0U, 2U}) {
    const double squares = std::inner_product(global[group].begin(), global[group].end(), global[group].begin(), 0.0);
    EXPECT_NEAR(squares, 4.0, 1e-9);
    EXPECT_NEAR(global[group][0] / global[group][3], plain[group][0] / plain[group][3], 1e-9);
  }
}

TEST(ScoreTest, RandomDependsOnSeedLayerKindAndNumberOnly) {
  ToyModel model;
  const Scores all = scores_of(model, "random");
  EXPECT_NE(all[0], all[2]);
  apply(model, make_plan(model.structures(), all, {0.5, 0, false, "random"}));
  const Scores left = scores_of(model, "random");
  for (size_t i = 0; i < left[0].size(); ++i) {
    EXPECT_EQ(left[0][i], all[0][static_cast<size_t>(model.heads(0).kept[i])]);
  }
  ScoreRequest other;
  other.score = builtin_scores().at("random");
  other.seed = 6;
  EXPECT_NE(score_structures(model, other, *dist::make_single())[1], all[1]);
}

}  // namespace
}  // namespace filigree::prune
