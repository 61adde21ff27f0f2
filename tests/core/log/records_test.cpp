// labels: unit
// The lines of metrics.jsonl: their bytes, and what is read from lines of other versions and damaged ones.
#include "core/log/records.h"

#include <gtest/gtest.h>

#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "tests/core/checkpoint/temp_dir.h"

namespace filigree::train {
namespace {

std::optional<MetricRecord> read(const std::string& line) { return record_from_json(nlohmann::json::parse(line)); }

/// The record has this line, and the line has this record.
void expect_line(const MetricRecord& record, const std::string& line) {
  EXPECT_EQ(to_json(record).dump(), line);
  const auto back = read(line);
  ASSERT_TRUE(back) << line;
  EXPECT_TRUE(*back == record) << to_json(*back).dump();
}

TEST(Records, EachKindHasItsLine) {
  expect_line(
      StageRecord{"adapt", 100, 2048, 11000000, 44000000, 16432, 44000048},
      R"({"kind":"stage","stage":"adapt","steps":100,"trainable":2048,"total":11000000,"weight_bytes":44000000,)"
      R"("comm_bytes_per_step":16432,"full_comm_bytes_per_step":44000048})");
  expect_line(TrainRecord{.stage = "adapt",
                          .step = 110,
                          .stage_step = 10,
                          .epoch = 0.5,
                          .loss = 1.0,
                          .lr = 2e-05,
                          .grad_norm = 0.1,
                          .tokens_per_s = 12345.5,
                          .step_ms = 83.25,
                          .comm_bytes = 8288,
                          .comm = {{"dp", {{"gradients", 8192}}}, {"world", {{"other", 96}}}}},
              R"({"kind":"train","stage":"adapt","step":110,"stage_step":10,"epoch":0.5,"loss":1.0,"lr":2e-05,)"
              R"("grad_norm":0.1,"tokens_per_s":12345.5,"comm_bytes":8288,"comm":{"dp":{"gradients":8192},)"
              R"("world":{"other":96}},"step_ms":83.25})");
  expect_line(TrainRecord{.stage = "adapt", .step = 7, .stage_step = 7, .not_finite = "loss"},
              R"({"kind":"train","stage":"adapt","step":7,"stage_step":7,"comm":{},"not_finite":"loss"})");
  expect_line(
      EvalRecord{"adapt", 110, "dev_matched", "mcc", 5000, {{"accuracy", 0.875}, {"loss", 0.5}, {"mcc", 0.0}}},
      R"({"kind":"eval","stage":"adapt","step":110,"split":"dev_matched","accuracy":0.875,"loss":0.5,"mcc":0.0,)"
      R"("metric":"mcc","samples":5000})");
  expect_line(PruneRecord{"prune", 111, 1, {9, 8}, {922, 900}, 0.25, std::nullopt, 0.625},
              R"({"kind":"prune","stage":"prune","step":111,"round":1,"heads_left":[9,8],"ffn_left":[922,900],)"
              R"("sparsity":0.25,"flops_ratio":0.625})");
  expect_line(PruneRecord{.stage = "prune", .step = 111, .sparsity = 0.25, .merged_sparsity = 0.125},
              R"({"kind":"prune","stage":"prune","step":111,"heads_left":[],"ffn_left":[],"sparsity":0.25,)"
              R"("merged_sparsity":0.125})");
  expect_line(ModelRecord{"adapt", 0, "start", {9, 8}, {12, 12}, {922, 900}, {1536, 1536}, 0.25, 0.125, 0.625},
              R"({"kind":"model","stage":"adapt","step":0,"at":"start","heads_left":[9,8],"heads_total":[12,12],)"
              R"("ffn_left":[922,900],"ffn_total":[1536,1536],"sparsity":0.25,"merged_sparsity":0.125,)"
              R"("flops_ratio":0.625})");
}

TEST(Records, OneRankOfAMaskPruneHasEmptyLists) {
  EXPECT_EQ(to_json(TrainRecord{.stage = "a", .step = 1}).dump(), R"({"kind":"train","stage":"a","step":1,"comm":{}})");
  EXPECT_EQ(to_json(PruneRecord{.stage = "a", .step = 1}).dump(),
            R"({"kind":"prune","stage":"a","step":1,"heads_left":[],"ffn_left":[]})");
}

TEST(Records, NumbersThatAreNotFiniteAreNullAndReadAsEmpty) {
  const double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
  const EvalRecord eval{"a", 1, "dev", "loss", 2, {{"loss", nan}, {"perplexity", inf}, {"accuracy", 0.5}}};
  const std::string line = to_json(eval).dump();
  EXPECT_EQ(line, R"({"kind":"eval","stage":"a","step":1,"split":"dev","accuracy":0.5,"loss":null,"metric":"loss",)"
                  R"("perplexity":null,"samples":2})");
  EXPECT_EQ(std::get<EvalRecord>(*read(line)).values, (std::map<std::string, double>{{"accuracy", 0.5}}));
  EXPECT_EQ(to_json(TrainRecord{.stage = "a", .step = 1, .loss = -inf}).at("loss"), nullptr);
}

TEST(Records, UnknownKeysAreIgnored) {
  EXPECT_EQ(std::get<TrainRecord>(*read(R"({"kind":"train","stage":"a","step":1,"loss":2.5,"new":3,"other":{"x":1}})")),
            (TrainRecord{.stage = "a", .step = 1, .loss = 2.5}));
  EXPECT_EQ(std::get<PruneRecord>(*read(R"({"kind":"prune","stage":"a","step":1,"blocks_left":[1]})")),
            (PruneRecord{.stage = "a", .step = 1}));
  EXPECT_EQ(std::get<StageRecord>(*read(R"({"kind":"stage","stage":"a","steps":5,"step":7})")),
            (StageRecord{.stage = "a", .steps = 5}));
}

TEST(Records, EveryOtherNumberOfAnEvalLineIsAValue) {
  const auto eval = std::get<EvalRecord>(
      *read(R"({"kind":"eval","stage":"a","step":4,"split":"dev","metric":"rouge","samples":9,"rouge":1,"loss":0,)"
            R"("note":"x","list":[1]})"));
  EXPECT_EQ(eval.values, (std::map<std::string, double>{{"loss", 0.0}, {"rouge", 1.0}}));
  EXPECT_EQ(eval.value("rouge"), 1.0);
  EXPECT_FALSE(eval.value("samples"));
}

TEST(Records, ValuesOfAnotherTypeAreEmpty) {
  const auto train = std::get<TrainRecord>(
      *read(R"({"kind":"train","stage":"a","step":1,"stage_step":1e300,"loss":"x","lr":null,"comm_bytes":[],)"
            R"("comm":{"dp":7,"tp":{"forward":-1,"backward":"x","gradients":8}}})"));
  EXPECT_EQ(train, (TrainRecord{.stage = "a", .step = 1, .comm = {{"tp", {{"gradients", 8}}}}}));
  EXPECT_EQ(std::get<PruneRecord>(*read(R"({"kind":"prune","stage":"a","step":1,"heads_left":[1,"x",2.5,3],)"
                                        R"("ffn_left":{}})")),
            (PruneRecord{.stage = "a", .step = 1, .heads_left = {1, 3}}));
}

TEST(Records, ALineWithoutKindStageOrStepIsNone) {
  for (const char* line : {"[]", "{}", "null", "7", R"({"kind":"train"})", R"({"kind":7,"stage":"a","step":1})",
                           R"({"kind":"profile","stage":"a","step":1})", R"({"kind":"train","stage":"","step":1})",
                           R"({"kind":"train","stage":3,"step":1})", R"({"kind":"train","stage":"a"})",
                           R"({"kind":"eval","stage":"a","step":"x"})", R"({"kind":"prune","stage":"a","step":1e300})"})
    EXPECT_FALSE(read(line)) << line;
}

TEST(Records, AFileIsReadUpToItsIncompleteLine) {
  const test::TempDir dir;
  const std::string path = dir / "metrics.jsonl";
  std::ofstream(path) << to_json(StageRecord{.stage = "a"}).dump() << "\n\n[1]\n"
                      << to_json(TrainRecord{.stage = "a", .step = 1}).dump() << "\n{\"kind\":\"tra";
  const MetricRecords found = read_records(path);
  EXPECT_EQ(found.lines, 5);
  ASSERT_EQ(found.records.size(), 2u);
  EXPECT_TRUE(std::holds_alternative<StageRecord>(found.records[0]));
  EXPECT_TRUE(std::holds_alternative<TrainRecord>(found.records[1]));
  EXPECT_THROW(read_records(dir / "absent.jsonl"), DataError);
}

}  // namespace
}  // namespace filigree::train
