// Mean and standard deviation over the seeds.
#include "core/bench/summary.h"

#include <gtest/gtest.h>

namespace filigree::bench {
namespace {

RunResult run_of(const std::string& method, int64_t seed, double value, int64_t peak) {
  RunResult run;
  run.method = method;
  run.seed = seed;
  run.metric = "accuracy";
  run.split = "dev";
  run.value = value;
  run.trainable = 10;
  run.total = 1000;
  run.seconds = static_cast<double>(seed);
  run.peak_memory_bytes = peak;
  return run;
}

RunResult failure_of(const std::string& method, int64_t seed) {
  RunResult run;
  run.method = method;
  run.seed = seed;
  run.error = "exit code 3: bad";
  return run;
}

// statistics.stdev([0.81, 0.84, 0.9]) of Python
TEST(Summary, DeviationIsThatOfTheSample) {
  const auto spread = spread_of({0.81, 0.84, 0.90});
  EXPECT_NEAR(spread->mean, 0.85, 1e-15);
  EXPECT_NEAR(*spread->deviation, 0.04582575694955838, 1e-15);
}

TEST(Summary, OneValueHasNoDeviationAndNoneHasNoMean) {
  EXPECT_FALSE(spread_of({}));
  EXPECT_EQ(spread_of({0.5})->mean, 0.5);
  EXPECT_FALSE(spread_of({0.5})->deviation);
  EXPECT_EQ(spread_of({0.5, 0.5})->deviation, 0.0);
}

TEST(Summary, OfLargeValuesIsFinite) {
  const auto spread = spread_of({1e200, 3e200});
  EXPECT_DOUBLE_EQ(spread->mean, 2e200);
  EXPECT_NEAR(*spread->deviation / 1e200, 1.4142135623730951, 1e-12);
}

TEST(Summary, HasARowPerMethodInTheirOrder) {
  const auto methods = summarize({run_of("b", 1, 0.8, 300), failure_of("c", 1), run_of("a", 1, 0.7, 100),
                                  run_of("b", 2, 0.9, 200), failure_of("b", 3)});
  ASSERT_EQ(methods.size(), 3u);
  EXPECT_EQ(methods[0].method, "b");
  EXPECT_EQ(methods[0].done, 2);
  EXPECT_EQ(methods[0].failed, 1);
  EXPECT_NEAR(methods[0].spread->mean, 0.85, 1e-15);
  EXPECT_EQ(methods[0].values, (std::vector<double>{0.8, 0.9}));
  EXPECT_EQ(methods[0].peak_memory_bytes, 300) << "the largest";
  EXPECT_EQ(methods[0].seconds, 1.5);
  EXPECT_EQ(methods[0].trainable_share, 0.01);
  EXPECT_FALSE(methods[0].bytes_share);
  EXPECT_EQ(methods[1].failed, 1);
  EXPECT_FALSE(methods[1].spread || methods[1].seconds);
  EXPECT_EQ(methods[2].method, "a");
}

}  // namespace
}  // namespace filigree::bench
