// make_plan: exact counts, ties, rounds, scopes; the plan's JSON and hash.
#include "core/prune/plan.h"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "core/error.h"

namespace filigree::prune {
namespace {

using nn::StructureGroup;
using nn::StructureKind;
using Numbers = std::vector<int64_t>;

StructureGroup group(StructureKind kind, int64_t layer, int64_t total, Numbers kept = {}) {
  if (kept.empty()) {
    for (int64_t i = 0; i < total; ++i) kept.push_back(i);
  }
  return {kind, layer, total, 1, kept, {}};
}

Numbers kept_of(const std::vector<double>& scores, double share, const Numbers& kept = {}, int64_t total = 0) {
  const auto n = static_cast<int64_t>(scores.size());
  const auto plan =
      make_plan({group(StructureKind::head, 0, total ? total : n, kept)}, {scores}, {share, 0, false, "magnitude"});
  return plan.groups.at(0).kept;
}

TEST(PlanTest, RemovesTheLowestScores) { EXPECT_EQ(kept_of({5, 1, 4, 2, 3, 6}, 0.5), (Numbers{0, 2, 5})); }

TEST(PlanTest, RoundsTheShareHalfUp) {
  const std::vector<double> twelve{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  EXPECT_EQ(kept_of(twelve, 0.25).size(), 9U);
  EXPECT_EQ(kept_of(twelve, 0.2).size(), 10U);          // 2.4 -> 2
  EXPECT_EQ(kept_of({1, 2, 3, 4, 5}, 0.5).size(), 2U);  // 2.5 -> 3
  EXPECT_EQ(kept_of({1, 2, 3, 4, 5}, 0.01).size(), 5U);
}

TEST(PlanTest, OfEqualScoresTheHigherNumberGoes) { EXPECT_EQ(kept_of({1, 1, 1, 1}, 0.5), (Numbers{0, 1})); }

TEST(PlanTest, OneUnitStays) {
  EXPECT_EQ(kept_of({3, 9, 1}, 1.0), (Numbers{1}));
  EXPECT_EQ(kept_of({4}, 1.0), (Numbers{0}));
}

TEST(PlanTest, CountsWhatWentBefore) {
  // 8 heads originally, 2 gone; half of 8 is 4, so 2 more go, named by their original numbers.
  EXPECT_EQ(kept_of({6, 1, 5, 2, 4, 3}, 0.5, {0, 2, 3, 4, 6, 7}, 8), (Numbers{0, 3, 6, 7}));
  // More are gone already than asked for: nothing happens.
  EXPECT_EQ(kept_of({6, 1}, 0.25, {3, 5}, 8), (Numbers{3, 5}));
}

TEST(PlanTest, GlobalScopeTakesTheLowestOverAllLayers) {
  const std::vector<StructureGroup> groups{group(StructureKind::head, 0, 4), group(StructureKind::neuron, 0, 3),
                                           group(StructureKind::head, 1, 4), group(StructureKind::neuron, 1, 3)};
  const Scores scores{{10, 11, 12, 13}, {}, {1, 2, 3, 4}, {}};
  const auto plan = make_plan(groups, scores, {0.5, 0, true, "taylor"});
  // 4 of 8 go; layer 1 gives 3 and keeps its best, the fourth comes from layer 0.
  EXPECT_EQ(plan.groups[0].kept, (Numbers{1, 2, 3}));
  EXPECT_EQ(plan.groups[2].kept, (Numbers{3}));
  EXPECT_EQ(plan.groups[1].kept, (Numbers{0, 1, 2}));
  EXPECT_TRUE(plan.groups[1].candidates.empty());
  EXPECT_EQ(plan.scope, "global");
}

TEST(PlanTest, GlobalTiesGoFromTheDeepestLayer) {
  const std::vector<StructureGroup> groups{group(StructureKind::neuron, 0, 3), group(StructureKind::neuron, 1, 3)};
  const auto plan = make_plan(groups, {{1, 1, 1}, {1, 1, 1}}, {0, 0.5, true, "magnitude"});
  EXPECT_EQ(plan.groups[0].kept, (Numbers{0, 1}));
  EXPECT_EQ(plan.groups[1].kept, (Numbers{0}));
}

TEST(PlanTest, KindsAreSeparate) {
  const std::vector<StructureGroup> groups{group(StructureKind::head, 0, 4), group(StructureKind::neuron, 0, 10)};
  const auto plan = make_plan(groups, {{4, 3, 2, 1}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}}, {0.25, 0.4, true, "magnitude"});
  EXPECT_EQ(plan.groups[0].kept, (Numbers{0, 1, 2}));
  EXPECT_EQ(plan.groups[1].kept, (Numbers{4, 5, 6, 7, 8, 9}));
}

TEST(PlanTest, RefusesBadScores) {
  const std::vector<StructureGroup> groups{group(StructureKind::head, 3, 3)};
  EXPECT_THROW(make_plan(groups, {{1, 2}}, {0.5, 0, false, ""}), InternalError);
  EXPECT_THROW(make_plan(groups, {{1, std::numeric_limits<double>::quiet_NaN(), 2}}, {0.5, 0, false, ""}),
               InternalError);
}

PrunePlan sample_plan() {
  const std::vector<StructureGroup> groups{group(StructureKind::head, 0, 4), group(StructureKind::neuron, 0, 6)};
  return make_plan(groups, {{0.1, 4e-9, 3, 2}, {1, 2, 3, 4, 5, 6}}, {0.25, 0.5, false, "magnitude+delta"});
}

TEST(PlanTest, JsonRoundTrip) {
  const PrunePlan plan = sample_plan();
  const PrunePlan read = plan_from_json(nlohmann::json::parse(to_json(plan).dump()));
  EXPECT_EQ(to_json(read), to_json(plan));
  EXPECT_EQ(read.hash(), plan.hash());
  EXPECT_EQ(read.groups[0].scores, plan.groups[0].scores);
}

TEST(PlanTest, HashSeesWhatIsKept) {
  PrunePlan plan = sample_plan();
  const uint64_t before = plan.hash();
  plan.groups[1].kept.back() -= 1;
  EXPECT_NE(plan.hash(), before);
  plan = sample_plan();
  plan.groups[0].scores[0] += 1;
  EXPECT_EQ(plan.hash(), before) << "scores may differ by rounding between machines; what is kept may not";
}

TEST(PlanTest, BadJsonIsADataError) {
  const nlohmann::json good = to_json(sample_plan());
  const auto broken = [&](const std::string& pointer, const nlohmann::json& value) {
    nlohmann::json json = good;
    json[nlohmann::json::json_pointer(pointer)] = value;
    return json;
  };
  for (const auto& json : {broken("/groups/0/kind", "neck"), broken("/groups/0/kept", {2, 1}),
                           broken("/groups/0/kept", {0, 4}), broken("/groups/0/kept", nlohmann::json::array()),
                           broken("/groups/0/scores", {1.0}), broken("/groups/1/total", 0), broken("/groups", 3),
                           broken("/score", nullptr), broken("/groups/1/kept", {-1, 2})}) {
    EXPECT_THROW(plan_from_json(json), DataError) << json.dump();
  }
  EXPECT_THROW(plan_from_json(nlohmann::json::array()), DataError);
}

TEST(PlanTest, TextNamesEveryLayer) {
  const std::string text = to_text(sample_plan());
  EXPECT_NE(text.find("score magnitude+delta, scope layer"), std::string::npos) << text;
  EXPECT_NE(text.find("3 of 6"), std::string::npos) << text;
  EXPECT_NE(text.find("0 2 3"), std::string::npos) << text;
}

}  // namespace
}  // namespace filigree::prune
