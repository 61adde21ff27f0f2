#include "core/prune/inspect.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/prune/plan.h"
#include "core/prune/score.h"
#include "dist/factory.h"
#include "tests/support/toy_model.h"

namespace filigree::prune {
namespace {

using test::DenseAdapter;
using test::ToyModel;

ModelSummary summary_of(ToyModel& model) { return summarize(model, *dist::make_single(), 16); }

void prune_some(ToyModel& model) {
  const Scores scores = score_structures(model, {}, *dist::make_single());
  apply(model, make_plan(model.structures(), scores, {0.25, 0.4, true, "magnitude+delta"}));
}

TEST(InspectTest, UnprunedFlopsAreThoseOfAFreshModel) {
  ToyModel fresh, model;
  prune_some(model);
  for (const int64_t n : {1, 7, 128}) {
    EXPECT_DOUBLE_EQ(unpruned_flops(model, n), fresh.flops(n));
    EXPECT_DOUBLE_EQ(unpruned_flops(fresh, n), fresh.flops(n));
    EXPECT_LT(model.flops(n), fresh.flops(n));
  }
}

TEST(InspectTest, CountsParametersByRole) {
  ToyModel model;
  const ModelSummary before = summary_of(model);
  EXPECT_EQ(before.trainable, 0);
  // embedding 20x12, its norm 2x12; per layer 4 (144+12), 120+10, 120+12; classifier 36+3
  EXPECT_EQ(before.parameters, 240 + 24 + 2 * (4 * 156 + 130 + 132) + 39);
  nn::Linear& query = model.linear(0, ToyModel::query);
  query.set_adapter(std::make_shared<DenseAdapter>(model, query, 3));
  const ModelSummary after = summary_of(model);
  EXPECT_EQ(after.trainable, 144);
  EXPECT_EQ(after.parameters, before.parameters + 144);
}

TEST(InspectTest, FlopsAreOfASequenceThatTheModelCanRead) {
  ToyModel model;
  ASSERT_EQ(model.max_positions(), 64);
  EXPECT_EQ(flops_length(model), 64);
  const ModelSummary summary = summarize(model, *dist::make_single(), flops_length(model));
  EXPECT_EQ(to_json(summary)["sequence"], 64);
  EXPECT_DOUBLE_EQ(summary.flops, model.flops(64));
  EXPECT_NE(to_text(summary).find("for a sequence of 64 tokens"), std::string::npos) << to_text(summary);
  EXPECT_NE(to_text(summarize(model, *dist::make_single(), 1)).find("of 1 token ("), std::string::npos);
  EXPECT_THROW(summarize(model, *dist::make_single(), 65), InternalError);
}

TEST(InspectTest, JsonSaysWhatIsLeft) {
  ToyModel model;
  prune_some(model);
  const ModelSummary summary = summary_of(model);
  const nlohmann::json json = to_json(summary);
  EXPECT_EQ(json["heads_left"][0].get<int64_t>() + json["heads_left"][1].get<int64_t>(), 6);
  EXPECT_EQ(json["ffn_left"][0].get<int64_t>() + json["ffn_left"][1].get<int64_t>(), 12);
  EXPECT_EQ(json["heads_total"], (std::vector<int64_t>{4, 4}));
  EXPECT_DOUBLE_EQ(json["flops_ratio"].get<double>(), model.flops(16) / ToyModel().flops(16));
  EXPECT_DOUBLE_EQ(json["flops_per_token"].get<double>(), model.flops(16) / 16);
  EXPECT_EQ(json["sparsity"], 0.0);
  EXPECT_NE(to_text(summary).find("6 of 8"), std::string::npos) << to_text(summary);
}

}  // namespace
}  // namespace filigree::prune
