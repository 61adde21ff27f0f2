// The directory of a bench: whose it is, and what is kept of its runs.
#include "core/bench/bench_directory.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string_view>

#include "core/error.h"
#include "core/files/disk.h"
#include "core/files/ownership.h"
#include "core/files/read.h"
#include "core/files/run_directory.h"
#include "tests/core/checkpoint/temp_dir.h"

namespace filigree::bench {
namespace {

namespace fs = std::filesystem;
using test::TempDir;

std::string refusal(const std::string& path) {
  try {
    const BenchDirectory directory(path);
  } catch (const UserError& error) {
    return fmt::format("{}: {}", error.exit_code(), error.what());
  }
  return "";
}

TEST(BenchDirectory, IsMarkedAndReopened) {
  const TempDir base;
  const std::string path = base / "a/b";
  EXPECT_FALSE(check_output(path));
  EXPECT_FALSE(fs::exists(path));
  { const BenchDirectory directory(path); }
  EXPECT_TRUE(files::is_marked(path, files::DirectoryKind::bench));
  EXPECT_TRUE(check_output(path));
  files::write_file(path + "/notes.txt", "mine");
  EXPECT_EQ(refusal(path), "");
  EXPECT_EQ(files::read_file(path + "/notes.txt"), "mine");
}

TEST(BenchDirectory, RefusesWhatIsNotABench) {
  const TempDir base;
  fs::create_directory(base / "mine");
  files::write_file(base / "mine/runs.csv", "mine");
  EXPECT_EQ(refusal(base / "mine"), "2: --output " + (base / "mine") +
                                        ": is not empty and is not a bench of filigree; it contains runs.csv. Choose a "
                                        "new directory");
  EXPECT_EQ(files::entries_of(base / "mine"), std::vector<std::string>{"runs.csv"});
  { const files::RunDirectory run(base / "run"); }
  EXPECT_NE(refusal(base / "run").find("is not a bench of filigree"), std::string::npos);
  files::write_file(base / "file", "mine");
  EXPECT_NE(refusal(base / "file").find("2: --output " + (base / "file") + ": is a file"), std::string::npos);
  fs::create_symlink("none", base / "link");
  EXPECT_NE(refusal(base / "link").find("is a link to none"), std::string::npos);
}

TEST(BenchDirectory, FollowsNoLinkInIt) {
  const TempDir base;
  { const BenchDirectory directory(base / "b"); }
  fs::remove(base / "b/results");
  fs::create_directory(base / "elsewhere");
  fs::create_symlink(base / "elsewhere", base / "b/results");
  EXPECT_NE(refusal(base / "b").find("3: " + (base / "b/results") + ": is a symbolic link"), std::string::npos)
      << refusal(base / "b");
  fs::remove(base / "b/results");
  files::write_file(base / "b/results", "mine");
  EXPECT_NE(refusal(base / "b").find("is a file, but filigree needs a directory"), std::string::npos);
}

TEST(BenchDirectory, HasOneWriter) {
  const TempDir base;
  const BenchDirectory directory(base / "b");
  EXPECT_NE(refusal(base / "b").find("another bench is writing here"), std::string::npos) << refusal(base / "b");
  EXPECT_NE(refusal(base / "b").find("choose another --output"), std::string::npos);
}

TEST(SavedRun, ReadsBackAndNamesDamage) {
  const TempDir base;
  const BenchDirectory directory(base / "b");
  EXPECT_FALSE(saved_run(directory, "lora-seed1"));
  SavedRun run;
  run.status = Status::done;
  run.ranks = 2;
  run.recipe = "name: x\nseed: 1\n";
  run.result.method = "lora";
  run.result.seed = 1;
  run.result.value = 0.5;
  write_saved_run(directory.saved("lora-seed1"), run);
  const auto found = saved_run(directory, "lora-seed1");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->status, Status::done);
  EXPECT_EQ(found->ranks, 2);
  EXPECT_EQ(found->recipe, run.recipe);
  EXPECT_EQ(found->result, run.result);
  EXPECT_EQ(other_runs(directory, {"lora-seed1"}), std::vector<std::string>{});
  EXPECT_EQ(other_runs(directory, {}), std::vector<std::string>{"lora-seed1"});
  for (const char* damaged : {"", "{", "[]", "{}", R"({"status":"odd"})"}) {
    files::write_file(directory.saved("lora-seed1"), damaged);
    try {
      saved_run(directory, "lora-seed1");
      ADD_FAILURE() << damaged;
    } catch (const DataError& error) {
      EXPECT_TRUE(std::string_view(error.what()).ends_with("; remove the file to run it again")) << error.what();
    }
  }
}

TEST(SavedRun, MeasuresOfAllStarts) {
  SavedRun run;
  run.status = Status::stopped;
  begin_start(run);
  add_measures(run, 10, 500);
  run.status = Status::stopped;
  begin_start(run);
  add_measures(run, 5, 400);
  put_measures(run);
  EXPECT_EQ(run.result.seconds, 15.0);
  EXPECT_EQ(run.result.peak_memory_bytes, 500);
  begin_start(run);  // it is still `running`: its bench was killed before the start ended
  run.result = {};
  add_measures(run, 1, 1);
  put_measures(run);
  EXPECT_FALSE(run.result.seconds || run.result.peak_memory_bytes);
}

}  // namespace
}  // namespace filigree::bench
