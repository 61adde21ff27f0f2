// The numbers of a run, from its own records, and their form in files.
#include "core/bench/result.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "tests/core/checkpoint/temp_dir.h"

namespace filigree::bench {
namespace {

using test::TempDir;

/// A run on two ranks: 0.25 of full fine-tuning's bytes in the first logged step, 0.5 in the second.
const char* const kRun =
    R"({"kind":"stage","stage":"adapt","steps":20,"trainable":50,"total":1000,"comm_bytes_per_step":25,"full_comm_bytes_per_step":100}
{"kind":"train","stage":"adapt","step":10,"loss":1.0,"step_ms":5.0,"comm_bytes":25}
{"kind":"train","stage":"adapt","step":20,"loss":0.9,"step_ms":7.0,"comm_bytes":50}
{"kind":"eval","stage":"adapt","step":20,"split":"dev","metric":"accuracy","accuracy":0.8,"loss":0.4}
{"kind":"prune","stage":"prune","step":21,"sparsity":0.5,"flops_ratio":0.7}
{"kind":"eval","stage":"prune","step":21,"split":"dev","metric":"accuracy","accuracy":0.6,"loss":0.6}
{"kind":"stage","stage":"recover","steps":10,"trainable":40,"total":900,"comm_bytes_per_step":20,"full_comm_bytes_per_step":80}
{"kind":"train","stage":"recover","step":31,"loss":0.9,"step_ms":6.0,"comm_bytes":20}
{"kind":"train","stage":"recover","step":32,"loss":null,"step_ms":900.0,"not_finite":"loss"}
{"kind":"eval","stage":"recover","step":31,"split":"dev","metric":"accuracy","accuracy":0.75,"loss":0.5}
{"kind":"eval","stage":"recover","step":31,"split":"test","metric":"accuracy","accuracy":0.1,"loss":0.5}
{"kind":"model","stage":"recover","step":31,"at":"end","sparsity":0.5,"merged_sparsity":0.4,"flops_ratio":0.7}
)";

RunResult of_lines(const std::string& lines) {
  const TempDir dir;
  std::ofstream(dir / "metrics.jsonl") << lines;
  return measured(train::read_run(dir.path()));
}

TEST(Result, ComesFromTheRecordsOfTheRun) {
  const RunResult result = of_lines(kRun);
  EXPECT_EQ(result.metric, "accuracy");
  EXPECT_EQ(result.split, "dev");
  EXPECT_EQ(result.value, 0.75) << "the last evaluation of the first split";
  EXPECT_EQ(result.steps, 30);
  EXPECT_EQ(result.trainable_share(), 0.05) << "of the stage that trains most";
  EXPECT_EQ(result.sparsity, 0.4) << "with the updates merged";
  EXPECT_EQ(result.flops_share, 0.7);
  EXPECT_DOUBLE_EQ(*result.bytes_per_step, (25 + 50 + 20) / 3.0);
  EXPECT_DOUBLE_EQ(*result.bytes_share, 95.0 / 280.0);
  EXPECT_EQ(result.step_ms, 6.0) << "the median, without the step that was not made";
  EXPECT_FALSE(result.seconds || result.peak_memory_bytes) << "only the process that started it can know them";
}

TEST(Result, OfOneRankHasNoBytesAndAnUnprunedModelAllFlops) {
  const RunResult result = of_lines(
      R"({"kind":"stage","stage":"adapt","steps":2,"trainable":5,"total":10,"comm_bytes_per_step":0,"full_comm_bytes_per_step":0}
{"kind":"train","stage":"adapt","step":1,"loss":1.0,"step_ms":5.0,"comm_bytes":0}
{"kind":"eval","stage":"adapt","step":2,"split":"dev","metric":"accuracy","accuracy":0.5,"loss":0.4}
)");
  EXPECT_FALSE(result.bytes_per_step || result.bytes_share);
  EXPECT_EQ(result.sparsity, 0.0);
  EXPECT_EQ(result.flops_share, 1.0);
}

TEST(Result, ReadsBack) {
  RunResult result = of_lines(kRun);
  result.method = "dsee";
  result.seed = 3;
  result.seconds = 12.5;
  result.peak_memory_bytes = 1'000'000;
  EXPECT_EQ(result_from_json(to_json(result), "x"), result);
  result.error = "exit code 3: bad";
  result.seed = INT64_MAX;
  EXPECT_EQ(result_from_json(to_json(result), "x"), result);
  EXPECT_EQ(to_json(result)["status"], "failed");
}

TEST(Result, EachColumnIsAKey) {
  const auto& names = columns();
  const auto object = to_json(of_lines(kRun));
  for (const auto& [key, value] : object.items()) EXPECT_NE(std::ranges::find(names, key), names.end()) << key;
  EXPECT_EQ(names.front(), "method");
}

std::string fault(const char* text) {
  try {
    result_from_json(nlohmann::json::parse(text), "r.json: runs[0]");
  } catch (const DataError& error) {
    return error.what();
  }
  return "";
}

TEST(Result, FaultsOfAFileAreNamed) {
  EXPECT_EQ(fault(R"({"sed": 1})"), "r.json: runs[0]: sed: is not a column of runs.csv; did you mean 'seed'?");
  EXPECT_EQ(fault(R"({"value": 0.5})"), "r.json: runs[0]: seed: is missing");
  EXPECT_EQ(fault(R"({"seed": 18446744073709551615})"),
            "r.json: runs[0]: seed: is 18446744073709551615, must be a whole number of at least 0");
  EXPECT_EQ(fault(R"({"seed": 1.5})"), "r.json: runs[0]: seed: is 1.5, must be a whole number of at least 0");
  EXPECT_EQ(fault(R"({"seed": 1, "sparsity": -0.5})"),
            "r.json: runs[0]: sparsity: is -0.5, must be a number of at least 0");
  EXPECT_EQ(fault(R"({"seed": 1, "value": "high"})"), "r.json: runs[0]: value: is \"high\", must be a number");
  EXPECT_EQ(fault(R"({"seed": 1, "metric": 3})"), "r.json: runs[0]: metric: is 3, must be text");
  EXPECT_EQ(fault("[1]"), "r.json: runs[0]: is [1], must be an object");
  EXPECT_EQ(fault(R"({"seed": 1, "value": -0.5})"), "") << "mcc may be negative";
}

}  // namespace
}  // namespace filigree::bench
