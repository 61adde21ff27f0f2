// Results of another program: JSON, CSV, and what is wrong with them.
#include "core/bench/external.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <fstream>

#include "core/bench/table.h"
#include "tests/core/checkpoint/temp_dir.h"

namespace filigree::bench {
namespace {

using test::TempDir;

class External : public ::testing::Test {
 protected:
  std::vector<RunResult> results(const std::string& name, const std::string& text,
                                 const std::vector<int64_t>& seeds = {1, 2}) {
    std::ofstream(dir_ / name) << text;
    return external_results({.name = "lora", .recipe = {}, .sets = {}, .external = dir_ / name, .line = 1}, seeds);
  }
  /// The error of the first seed, without the folder.
  std::string fault(const std::string& name, const std::string& text) {
    const std::string error = results(name, text, {1}).front().error;
    return error.starts_with(dir_ / name) ? error.substr((dir_ / name).size()) : error;
  }
  TempDir dir_;
};

TEST_F(External, JsonHasAResultPerSeed) {
  const auto found = results("r.json", R"({"settings": {"lr": 1}, "runs": [
    {"seed": 2, "metric": "accuracy", "split": "dev", "value": 0.9, "trainable": 5, "total": 10, "seconds": 3},
    {"seed": 1, "metric": "accuracy", "split": "dev", "value": 0.8},
    {"seed": 7, "metric": "accuracy", "split": "dev", "value": 0.1}]})");
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].value, 0.8);
  EXPECT_EQ(found[1].value, 0.9);
  EXPECT_EQ(found[1].trainable_share(), 0.5);
  EXPECT_TRUE(found[0].external && found[0].method == "lora" && !found[0].failed());
}

TEST_F(External, CsvIsARunsCsvOfAnotherBench) {
  std::vector<RunResult> runs(3);
  for (size_t i = 0; i < 3; ++i) {
    runs[i].method = i < 2 ? "lora" : "other";
    runs[i].seed = static_cast<int64_t>(i) + 1;
    runs[i].metric = "accuracy";
    runs[i].value = 0.5 + static_cast<double>(i);
    runs[i].peak_memory_bytes = 5;
  }
  runs[1].error = "exit code 4: 12";
  const auto found = results("r.csv", runs_csv(runs), {1, 2, 3});
  EXPECT_EQ(found[0].value, 0.5);
  EXPECT_EQ(found[0].peak_memory_bytes, 5);
  EXPECT_EQ(found[1].error, "exit code 4: 12");
  EXPECT_NE(found[2].error.find("has no run of seed 3"), std::string::npos) << "that row is of another method";
}

TEST_F(External, RunsOfDifferentMetricsOrSplitsHaveNoMean) {
  const std::string first = R"({"runs": [{"seed": 3, "error": "killed"}, {"seed": 1, "metric": "f1", "value": 1}, )";
  EXPECT_EQ(fault("r.json", first + R"({"seed": 2, "metric": "accuracy", "split": "dev", "value": 1}]})"),
            ": runs[2]: has accuracy on dev, but the run of seed 1 has f1; a method needs one metric, on one split");
  EXPECT_EQ(fault("r.json", first + R"({"seed": 2, "metric": "f1", "split": "dev", "value": 1}]})"),
            ": runs[2]: has f1 on dev, but the run of seed 1 has f1; a method needs one metric, on one split");
  EXPECT_EQ(fault("r.csv", "seed,metric,value\n1,f1,1\n2,accuracy,1\n"),
            ": row 2: has accuracy, but the run of seed 1 has f1; a method needs one metric, on one split");
  EXPECT_EQ(fault("r.json", first + R"({"seed": 2, "error": "killed", "metric": "accuracy"}]})"), "");
  EXPECT_EQ(fault("r.csv", "method,seed,metric,value\nlora,1,f1,1\nother,2,accuracy,1\n"), "");
}

TEST_F(External, CsvMayHaveAByteOrderMark) {
  EXPECT_EQ(results("r.csv", "\xEF\xBB\xBFseed,metric,value\r\n1,f1,0.5\r\n", {1}).front().value, 0.5);
  EXPECT_EQ(fault("r.csv", "\xFF\xFEs"), ": is not UTF-8 text; save it as UTF-8");
  EXPECT_EQ(fault("r.csv", "seed,metric,value\n1,f1,\xFF\n"), ": is not UTF-8 text; save it as UTF-8");
}

TEST_F(External, NumbersAreFiniteAndNotHuge) {
  for (const std::string bad : {"nan", "-nan", "inf", "infinity", "1e999"})
    EXPECT_EQ(fault("r.csv", "seed,metric,value\n1,f1," + bad + "\n"),
              ": row 1: value: is \"" + bad + "\", must be a number");
  EXPECT_EQ(fault("r.csv", "seed,metric,value\n1,f1,-2e15\n"),
            ": row 1: value: is -2e+15, which is too large; use at most 1e15");
  EXPECT_EQ(fault("r.json", R"({"runs": [{"seed": 1, "metric": "f1", "value": 1e15, "steps": 1e300}]})"),
            ": runs[0]: steps: is 1e+300, which is too large; use at most 1e15");
  EXPECT_EQ(fault("r.json", R"({"runs": [{"seed": 1e23, "metric": "f1", "value": 1}]})"),
            ": runs[0]: seed: is 1e+23, which is too large; use at most 1e15");
  EXPECT_EQ(results("r.csv", "seed,metric,value\n9223372036854775807,f1,1e15\n", {INT64_MAX}).front().value, 1e15);
}

TEST_F(External, AFaultIsTheErrorOfEachSeed) {
  EXPECT_EQ(fault("r.txt", "x"), ": is named neither .json nor .csv");
  EXPECT_NE(fault("r.json", "{").find("the JSON text ends"), std::string::npos);
  EXPECT_NE(fault("r.json", "[]").find("has no list `runs`"), std::string::npos);
  EXPECT_EQ(fault("r.json", R"({"runs": [{"seed": 1, "metric": "f1"}]})"), ": runs[0]: value: is missing");
  EXPECT_EQ(fault("r.json", R"({"runs": [{"seed": 1, "value": 1}]})"), ": runs[0]: metric: is missing");
  EXPECT_EQ(fault("r.json",
                  R"({"runs": [{"seed": 1, "metric": "f1", "value": 1}, {"seed": 1, "metric": "f1", "value": 1}]})"),
            ": runs[1]: has seed 1 again");
  EXPECT_EQ(fault("r.csv", ""), ": is empty");
  EXPECT_EQ(fault("r.csv", "seed,metric,value\n1,f1\n"), ": row 1 has 2 fields, but the header has 3");
  EXPECT_EQ(fault("r.csv", "seed,metric,value\n1,f1,high\n"), ": row 1: value: is \"high\", must be a number");
  EXPECT_EQ(fault("r.csv", "seed,value,metric,seed\n1,1,f1,2\n"), ": the header has the column 'seed' twice");
  EXPECT_EQ(fault("r.csv", "seed,metric,valu\n1,f1,1\n"),
            ": row 1: valu: is not a column of runs.csv; did you mean 'value'?");
  const auto missing =
      external_results({.name = "x", .recipe = {}, .sets = {}, .external = dir_ / "none.json", .line = 1}, {1, 2});
  ASSERT_EQ(missing.size(), 2u);
  EXPECT_NE(missing[1].error.find("none.json"), std::string::npos);
}

}  // namespace
}  // namespace filigree::bench
