// metrics.jsonl, log.txt and event files of a run, also of one that was killed and resumed. The test
// tensorboard_reads_* reads the event files that are left here with the tensorboard package.
#include "core/log/run_log.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "core/error.h"
#include "core/files/ownership.h"
#include "core/files/run_directory.h"
#include "core/log/event_file.h"
#include "tests/core/checkpoint/store_support.h"
#include "tests/core/checkpoint/temp_dir.h"

namespace filigree::train {
namespace {

namespace fs = std::filesystem;
using filigree::test::slurp;
using filigree::test::spit;
using filigree::test::TempDir;

constexpr const char* kReference = FILIGREE_BINARY_DIR "/train_reference";

/// An empty folder for the Python reader.
std::string fresh_folder(const std::string& name) {
  const std::string path = std::string(kReference) + "/" + name;
  fs::remove_all(path);
  fs::create_directories(path);
  return path;
}

TrainRecord train_record(int64_t step) {
  return {.stage = "adapt", .step = step, .loss = 1.0 / static_cast<double>(step)};
}

EvalRecord eval_record(int64_t step) {
  return {.stage = "adapt", .step = step, .split = "dev", .values = {{"accuracy", 0.5}}};
}

/// Steps from..to, an evaluation each 5 steps, a prune line after step 10.
void write_steps(RunLog& log, int64_t from, int64_t to) {
  for (int64_t step = from; step <= to; ++step) {
    log.record(train_record(step));
    if (step % 5 == 0) log.record(eval_record(step));
    if (step == 10) log.record(PruneRecord{.stage = "prune", .step = step, .sparsity = 0.25});
  }
}

TEST(EventFile, ChecksumsAreCastagnolis) {
  // The check value of CRC-32C and the vectors of RFC 3720, B.4.
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43u);
}

TEST(EventFile, EachObjectOpensANewFile) {
  const std::string dir = fresh_folder("events");
  nlohmann::json expected;
  std::set<std::string> paths;
  for (int file = 0; file < 2; ++file) {
    EventFile events(dir);
    paths.insert(events.path());
    for (int64_t i = 0; i < 5; ++i) {
      const int64_t step = (file * 5 + i) * 1000000007;
      const std::vector<std::pair<std::string, double>> values{{"train/loss", 1.5 / static_cast<double>(step + 1)},
                                                               {"größe", -1e30 * static_cast<double>(i)},
                                                               {std::string(300, 't'), 0.0}};
      events.scalars(values, step, 1.7e9 + static_cast<double>(step) * 1e-9);
      for (const auto& [tag, value] : values) expected[tag].push_back({step, value});
    }
  }
  EXPECT_EQ(paths.size(), 2u);
  spit(dir + "/expected.json", expected.dump());
}

TEST(RunLog, WritesTextRecordsAndEvents) {
  const std::string dir = fresh_folder("run_log");
  {
    RunLog log(dir, true);
    log.info("{} samples", 42);
    log.warn("careful");
    write_steps(log, 1, 12);
    EXPECT_EQ(log.lines(), 12 + 2 + 1);
  }
  {
    RunLog log(dir, true, LogPosition{15});
    write_steps(log, 13, 15);
  }
  const std::string text = slurp(dir + "/log.txt");
  EXPECT_NE(text.find(" I 42 samples\n"), std::string::npos) << text;
  EXPECT_NE(text.find(" W careful\n"), std::string::npos) << text;
  nlohmann::json expected;
  for (int step = 1; step <= 15; ++step) expected["train/loss"].push_back({step, 1.0 / step});
  for (int step : {5, 10, 15}) expected["eval/dev/accuracy"].push_back({step, 0.5});
  expected["prune/sparsity"].push_back({10, 0.25});
  spit(dir + "/expected.json", expected.dump());
}

TEST(RunLog, NotANumberIsNullAndTextsAreUtf8) {
  const TempDir run;
  RunLog log(run.path(), true);
  log.record(TrainRecord{.stage = "a\xff", .step = 3, .loss = std::numeric_limits<double>::quiet_NaN()});
  EXPECT_EQ(slurp(run / "metrics.jsonl"),
            "{\"kind\":\"train\",\"stage\":\"a\xef\xbf\xbd\",\"step\":3,\"loss\":null,\"comm\":{}}\n");
}

/// What an undisturbed run of 20 steps writes.
std::string undisturbed() {
  const TempDir run;
  RunLog log(run.path(), true);
  write_steps(log, 1, 20);
  return slurp(run / "metrics.jsonl");
}

TEST(RunLog, AResumedRunEndsWithTheFileOfAnUndisturbedOne) {
  const std::string expected = undisturbed();
  for (const std::string tail : {"", "{\"kind\":\"tra", "{\"kind\":\"train\",\"step\":21}"}) {
    for (int64_t checkpoint = 0; checkpoint <= 15; ++checkpoint) {
      const TempDir run;
      LogPosition position;
      {
        RunLog log(run.path(), true);
        write_steps(log, 1, checkpoint);
        position.lines = log.lines();
        write_steps(log, checkpoint + 1, 17);
      }
      spit(run / "metrics.jsonl", slurp(run / "metrics.jsonl") + tail);
      RunLog log(run.path(), true, position);
      EXPECT_EQ(log.lines(), position.lines);
      write_steps(log, checkpoint + 1, 20);
      EXPECT_EQ(slurp(run / "metrics.jsonl"), expected) << "resumed at " << checkpoint;
    }
  }
}

TEST(RunLog, LostAndEditedLinesAreReported) {
  const TempDir run;
  LogPosition position;
  {
    RunLog log(run.path(), true);
    write_steps(log, 1, 12);
    log.sync();
    position.lines = log.lines();
    position.digest = log.digest();
    write_steps(log, 13, 15);
  }
  position.own = true;
  const std::string metrics = slurp(run / "metrics.jsonl");
  std::string edited = metrics;
  edited.replace(edited.find("0.5"), 3, "0.9");
  const std::string shorter = metrics.substr(0, metrics.size() / 3);
  const std::map<std::string, std::string> said{
      {metrics, ""}, {edited, " was changed since"}, {shorter, " of the 15 lines"}, {"", " has 0 of the 15 lines"}};
  for (const auto& [content, words] : said) {
    spit(run / "metrics.jsonl", content);
    spit(run / "log.txt", "");
    RunLog log(run.path(), true, position);
    const std::string text = slurp(run / "log.txt");
    EXPECT_EQ(text.empty(), words.empty()) << text;
    EXPECT_NE(text.find(words), std::string::npos) << text;
    EXPECT_EQ(log.digest() == position.digest, content == metrics);
  }
  // Another run's lines are not brought along, and nothing is lost.
  position.own = false;
  spit(run / "metrics.jsonl", "");
  spit(run / "log.txt", "");
  RunLog log(run.path(), true, position);
  EXPECT_EQ(slurp(run / "log.txt"), "");
  std::filesystem::remove(run / "metrics.jsonl");
  EXPECT_THROW(log.sync(), DataError);
}

TEST(RunLog, ANewRunStartsEmptyAndAShortFileIsKept) {
  const TempDir run;
  {
    RunLog log(run.path(), true);
    write_steps(log, 1, 3);
  }
  {
    const RunLog log(run.path(), true, LogPosition{500});
    EXPECT_EQ(log.lines(), 3);
  }
  const RunLog log(run.path(), true);
  EXPECT_EQ(log.lines(), 0);
  EXPECT_EQ(slurp(run / "metrics.jsonl"), "");
  EXPECT_EQ(cut_metrics(run / "absent.jsonl", 0).lines, 0);
}

TEST(RunLog, TheTextOfEarlierStartsIsKept) {
  const TempDir run;
  RunLog(run.path(), true).info("first start");
  RunLog(run.path(), true).info("second start");
  RunLog(run.path(), true, LogPosition{}).info("resumed");
  const std::string text = slurp(run / "log.txt");
  const auto at = [&](const char* words) { return text.find(words); };
  EXPECT_LT(at("first start"), at("second start")) << text;
  EXPECT_LT(at("second start"), at("resumed")) << text;
}

TEST(RunLog, TheErrorThatEndsTheRunIsOneLineOfTheFileFromAnyRank) {
  const TempDir run;
  const RunLog log(run.path(), true);
  const RunLog other(run.path(), false);
  testing::internal::CaptureStderr();
  log.failure("ended with exit code 3: the disk\nis full {}");
  other.failure("ended with exit code 4: rank 1 (b): gone");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  const std::string text = slurp(run / "log.txt");
  EXPECT_NE(text.find(" E ended with exit code 3: the disk is full {}\n"), std::string::npos) << text;
  EXPECT_NE(text.find(" E ended with exit code 4: rank 1 (b): gone\n"), std::string::npos) << text;
  EXPECT_GE(log.descriptor(), 0);
}

TEST(RunLog, AnErrorThatCannotBeWrittenIsNotAnother) {
  const TempDir run;
  const RunLog log(run.path(), true);
  fs::remove(run / "log.txt");
  log.failure("the run directory is gone");
  EXPECT_FALSE(fs::exists(run / "log.txt"));
  RunLog(run / "absent", false).failure("not seen here");
  EXPECT_FALSE(fs::exists(run / "absent"));
}

/// In the log of a run that exists, and of no other directory; a job that writes there is not disturbed.
TEST(RunLog, AStartThatFailsBeforeTheRunIsOpenIsALineOfItsLog) {
  const TempDir run;
  log_failed_start(run / "absent", true, "x");
  log_failed_start("", true, "x");
  EXPECT_FALSE(fs::exists(run / "absent"));
  log_failed_start(run.path(), true, "x");
  EXPECT_TRUE(fs::is_empty(run.path())) << "it is not marked as a run";
  files::write_marker(run.path(), files::DirectoryKind::run);
  log_failed_start(run.path(), false, "x");
  EXPECT_FALSE(fs::exists(run / "log.txt")) << "rank 0 alone creates it";
  log_failed_start(run.path(), true, "a start ended with exit code 2: r.yaml:3:\nlr");
  log_failed_start(run.path(), false, "a start ended with exit code 3: rank 1 (b): gone");
  {
    const files::RunDirectory of_another_job(run.path());
    log_failed_start(run.path(), true, "not seen");
  }
  const std::string text = slurp(run / "log.txt");
  EXPECT_NE(text.find(" E a start ended with exit code 2: r.yaml:3: lr\n"), std::string::npos) << text;
  EXPECT_NE(text.find(" E a start ended with exit code 3: rank 1 (b): gone\n"), std::string::npos) << text;
  EXPECT_EQ(text.find("not seen"), std::string::npos) << text;
}

TEST(RunLog, OtherRanksWriteNothing) {
  const TempDir run;
  RunLog log(run.path(), false);
  log.info("not seen");
  log.record(train_record(1));
  log.begin_stage("adapt", 10, 0);
  log.progress({1, 10, 1.0, 5, 0.1});
  log.end_stage();
  EXPECT_EQ(log.lines(), 0);
  EXPECT_TRUE(fs::is_empty(run.path()));
}

TEST(RunLog, AFolderThatCannotBeMadeIsADataError) {
  const TempDir run;
  spit(run / "file", "");
  EXPECT_THROW(RunLog(run / "file/run", true), DataError);
}

}  // namespace
}  // namespace filigree::train
