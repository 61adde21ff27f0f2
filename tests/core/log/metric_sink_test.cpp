// labels: unit
// The metric sinks, as a run uses them: metrics.jsonl and the event file of TensorBoard.
#include "core/log/metric_sink.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/log/event_file.h"
#include "core/log/metrics_file.h"
#include "core/log/records.h"
#include "tests/core/checkpoint/temp_dir.h"

namespace filigree::train {
namespace {

std::string contents(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write(MetricSink& sink, const MetricRecord& record) { sink.write(to_json(record)); }

TEST(MetricsFile, WritesALinePerRecord) {
  const test::TempDir dir;
  MetricsFile file(dir / "metrics.jsonl", 0);
  write(file, StageRecord{.stage = "a", .steps = 2});
  write(file, TrainRecord{.stage = "a", .step = 1, .loss = 0.5});
  file.sync();
  EXPECT_EQ(contents(file.path()), R"({"kind":"stage","stage":"a","steps":2})"
                                   "\n"
                                   R"({"kind":"train","stage":"a","step":1,"loss":0.5,"comm":{}})"
                                   "\n");
  EXPECT_EQ(file.kept().lines, 2);
}

TEST(MetricsFile, KeepsTheFirstLinesAndTheirDigest) {
  const test::TempDir dir;
  const std::string path = dir / "metrics.jsonl";
  KeptLines at_two, at_three;
  {
    MetricsFile file(path, 0);
    for (int64_t step = 1; step <= 3; ++step) {
      write(file, TrainRecord{.stage = "a", .step = step});
      (step == 2 ? at_two : at_three) = file.kept();
    }
  }
  MetricsFile file(path, 2);
  EXPECT_EQ(file.kept().lines, 2);
  EXPECT_EQ(file.kept().digest, at_two.digest);
  EXPECT_NE(at_two.digest, at_three.digest);
  write(file, TrainRecord{.stage = "a", .step = 3});
  EXPECT_EQ(file.kept().digest, at_three.digest);
}

TEST(MetricsFile, AFileThatIsGoneIsADataError) {
  const test::TempDir dir;
  MetricsFile file(dir / "metrics.jsonl", 0);
  std::filesystem::remove(file.path());
  EXPECT_THROW(file.sync(), DataError);
  EXPECT_THROW(write(file, TrainRecord{.stage = "a", .step = 1}), DataError);
}

TEST(EventFile, TakesTheNumbersOfARecordWithAStep) {
  const test::TempDir dir;
  EventFile file(dir.path());
  const std::string head = contents(file.path());
  write(file, StageRecord{.stage = "a", .steps = 2});
  EXPECT_EQ(contents(file.path()), head);
  write(file, EvalRecord{"a", 1, "dev", "accuracy", 7, {{"accuracy", 0.5}}});
  const std::string text = contents(file.path());
  for (const char* tag : {"eval/dev/accuracy", "eval/dev/samples"}) EXPECT_NE(text.find(tag), std::string::npos) << tag;
  for (const char* key : {"metric", "step", "split", "stage"}) EXPECT_EQ(text.find(key), std::string::npos) << key;
}

}  // namespace
}  // namespace filigree::train
