// apply(): a shrunk model computes what the whole one computes with those units zeroed.
#include <gtest/gtest.h>

#include "core/adapt/low_rank_sparse.h"
#include "core/error.h"
#include "core/prune/plan.h"
#include "core/prune/unstructured.h"
#include "dist/factory.h"
#include "tests/support/toy_model.h"

namespace filigree::prune {
namespace {

using test::DenseAdapter;
using test::logits;
using test::toy_batch;
using test::ToyModel;

PrunePlan plan_for(ToyModel& model) {
  PrunePlan plan{"random", "layer", {}};
  const std::vector<std::vector<int64_t>> kept{{0, 2, 3}, {1, 2, 5, 6, 9}, {1}, {0, 3, 4, 5, 6, 7, 8, 9}};
  for (size_t g = 0; g < kept.size(); ++g) {
    const auto& group = model.structures()[g];
    plan.groups.push_back({group.kind, group.layer, group.total, kept[g], {}, {}});
  }
  return plan;
}

at::Tensor lines_gone(const nn::StructureGroup& group, const std::vector<int64_t>& kept) {
  std::vector<int64_t> lines;
  for (int64_t unit = 0; unit < group.total; ++unit) {
    if (std::find(kept.begin(), kept.end(), unit) != kept.end()) continue;
    for (int64_t i = 0; i < group.unit; ++i) lines.push_back(unit * group.unit + i);
  }
  return at::tensor(lines, at::kLong);
}

/// Zeroes the inputs that come from the units that the plan removes: weight and update of the linear they end in.
void silence(ToyModel& model, const PrunePlan& plan) {
  for (size_t g = 0; g < plan.groups.size(); ++g) {
    const auto& group = model.structures()[g];
    nn::Linear& out = *group.members.back().linear;
    const at::Tensor gone = lines_gone(group, plan.groups[g].kept);
    out.input_hook = [gone](const at::Tensor& x) { return x.index_fill(1, gone, 0); };
  }
}

void expect_same(const at::Tensor& a, const at::Tensor& b, double tolerance) {
  EXPECT_LE(a.sub(b).abs().max().item<double>(), tolerance) << a << "\n" << b;
}

/// U, V and S2 with values everywhere, on any linear.
void add_low_rank_sparse(ToyModel& model, nn::Linear& linear) {
  const int64_t out = linear.out_features(), in = linear.in_features();
  auto factors = adapt::add_factors(model.parameters(), linear, test::drawn(random::hash(linear.name()), {2, in}, 0.5));
  factors.u->value().detach().copy_(test::drawn(random::hash(linear.name()) + 1, {out, 2}, 0.5));
  std::vector<int64_t> rows, cols;
  for (int64_t i = 0; i < std::min(out, in); ++i) {
    rows.push_back(i);
    cols.push_back((i * 5 + 1) % in);
  }
  auto entries = adapt::add_entries(model.parameters(), linear.name(), out, in, at::tensor(rows, at::kLong),
                                    at::tensor(cols, at::kLong));
  entries.values->value().detach().copy_(
      test::drawn(random::hash(linear.name()) + 2, {entries.values->value().numel()}, 0.5));
  linear.set_adapter(std::make_shared<adapt::LowRankSparse>(factors, entries, 2.0, 2.0));
}

enum class Update { none, dense, low_rank_sparse };

class ApplyTest : public ::testing::TestWithParam<Update> {
 protected:
  static void dress(ToyModel& model) {
    for (nn::Linear* linear : model.linears()) {
      if (GetParam() == Update::dense) linear->set_adapter(std::make_shared<DenseAdapter>(model, *linear, 3));
      if (GetParam() == Update::low_rank_sparse) add_low_rank_sparse(model, *linear);
    }
  }
};

TEST_P(ApplyTest, ShrunkEqualsSilenced) {
  ToyModel silent, shrunk;
  dress(silent);
  dress(shrunk);
  const auto batch = toy_batch({0, 1, 2, 3, 4});
  const at::Tensor before = logits(silent, batch);
  const PrunePlan plan = plan_for(shrunk);
  silence(silent, plan);
  apply(shrunk, plan);
  const at::Tensor after = logits(silent, batch);
  expect_same(logits(shrunk, batch), after, 1e-6 * after.abs().max().item<double>());
  EXPECT_GT(before.sub(after).abs().max().item<double>(), 1e-2) << "the units removed did nothing: no test";
}

TEST_P(ApplyTest, TwoRoundsEqualOne) {
  ToyModel one, two;
  dress(one);
  dress(two);
  const PrunePlan last = plan_for(one);
  PrunePlan first = last;
  first.groups[0].kept = {0, 1, 2, 3};
  first.groups[1].kept = {0, 1, 2, 5, 6, 8, 9};
  first.groups[2].kept = {1, 3};
  apply(one, last);
  apply(two, first);
  apply(two, last);
  const auto batch = toy_batch({5, 6});
  EXPECT_TRUE(logits(one, batch).equal(logits(two, batch)));
  EXPECT_EQ(two.heads(1).kept, (std::vector<int64_t>{1}));
}

std::string name_of(const ::testing::TestParamInfo<Update>& test) {
  constexpr const char* kNames[] = {"none", "dense", "low_rank_sparse"};
  return kNames[static_cast<size_t>(test.param)];
}

INSTANTIATE_TEST_SUITE_P(Updates, ApplyTest, ::testing::Values(Update::none, Update::dense, Update::low_rank_sparse),
                         name_of);

TEST(ApplyPlanTest, ShrinksEverythingThatHangsOnALinear) {
  ToyModel model;
  for (nn::Linear* linear : model.linears()) linear->set_adapter(std::make_shared<DenseAdapter>(model, *linear, 3));
  prune_weights(model, select_linears(model, {}),
                {.share = 0.3, .global = false, .scores = {.score = builtin_scores().at("magnitude")}},
                *dist::make_single());
  const auto records = apply(model, plan_for(model));
  const nn::Linear& query = model.linear(0, ToyModel::query);
  EXPECT_EQ(query.weight()->value().sizes(), (at::IntArrayRef{9, 12}));
  EXPECT_EQ(query.mask()->value().sizes(), (at::IntArrayRef{9, 12}));
  EXPECT_EQ(query.bias()->value().sizes(), (at::IntArrayRef{9}));
  EXPECT_EQ(query.adapter()->delta().sizes(), (at::IntArrayRef{9, 12}));
  EXPECT_EQ(query.weight()->logical_shape, (std::vector<int64_t>{9, 12}));
  EXPECT_EQ(model.linear(0, ToyModel::attention_out).weight()->value().sizes(), (at::IntArrayRef{12, 9}));
  EXPECT_EQ(model.linear(0, ToyModel::attention_out).bias()->value().sizes(), (at::IntArrayRef{12}));
  EXPECT_EQ(model.linear(1, ToyModel::ffn_out).weight()->value().sizes(), (at::IntArrayRef{12, 8}));
  // Per layer: query, key, value, ffn_in give weight, bias, mask, update; attention_out and ffn_out no bias.
  EXPECT_EQ(records.size(), 2U * (4 * 4 + 2 * 3));
  for (const auto& record : records)
    EXPECT_EQ(record.parameter->value().sizes().vec(), record.parameter->logical_shape) << record.parameter->name;
}

TEST(ApplyPlanTest, APlanOfAnotherModelChangesNothing) {
  ToyModel model;
  const auto refuse = [&](const std::function<void(PrunePlan&)>& spoil) {
    PrunePlan plan = plan_for(model);
    spoil(plan);
    EXPECT_THROW(apply(model, plan), DataError);
    EXPECT_EQ(model.heads(0).left(), 4);
    EXPECT_EQ(model.linear(0, ToyModel::query).out_features(), 12);
  };
  refuse([](PrunePlan& plan) { plan.groups[3].total = 11; });
  refuse([](PrunePlan& plan) { plan.groups[3].layer = 7; });
  refuse([](PrunePlan& plan) { plan.groups[3].kept = {}; });
  refuse([](PrunePlan& plan) { plan.groups[3].kept = {3, 2}; });
  refuse([](PrunePlan& plan) { plan.groups[3].kept = {3, 10}; });
  apply(model, plan_for(model));
  PrunePlan revive = plan_for(model);
  revive.groups[0].kept = {0, 1};
  EXPECT_THROW(apply(model, revive), DataError) << "head 1 is gone";
}

}  // namespace
}  // namespace filigree::prune
