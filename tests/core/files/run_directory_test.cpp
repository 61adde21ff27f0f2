// labels: unit
#include "core/files/run_directory.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "core/error.h"
#include "core/files/disk.h"
#include "core/files/ownership.h"
#include "core/files/read.h"
#include "tests/core/checkpoint/temp_dir.h"

namespace filigree::files {
namespace {

namespace fs = std::filesystem;
using test::TempDir;

std::string refusal(const std::string& path) {
  try {
    const RunDirectory run(path);
  } catch (const UserError& error) {
    return fmt::format("{}: {}", error.exit_code(), error.what());
  }
  return "";
}

TEST(RunDirectory, MarksANewDirectoryAndReopensIt) {
  const TempDir base;
  const std::string path = base / "a/b";
  { const RunDirectory run(path); }
  EXPECT_TRUE(is_marked(path, DirectoryKind::run));
  write_file(path + "/notes.txt", "a user's file in a run");
  EXPECT_EQ(refusal(path), "");
  EXPECT_EQ(read_file(path + "/notes.txt"), "a user's file in a run");
}

TEST(RunDirectory, RefusesEverythingElseAndNamesWhatIsThere) {
  const TempDir base;
  for (const char* name :
       {"thesis.tex", ".hidden", "recipe.yaml", ".lock", "checkpoints/step-00000001/manifest.json"}) {
    const std::string path = base / fs::path(name).filename().string() + ".d";
    fs::create_directories(fs::path(path + "/" + name).parent_path());
    write_file(path + "/" + name, "mine");
    const std::string first = fs::path(name).begin()->string();
    EXPECT_NE(
        refusal(path).find("2: --out " + path + ": is not empty and is not a run of filigree; it contains " + first),
        std::string::npos)
        << refusal(path);
    EXPECT_EQ(read_file(path + "/" + name), "mine");
  }
  write_file(base / "file", "mine");
  EXPECT_NE(refusal(base / "file").find("is a file, not a directory"), std::string::npos);
}

TEST(RunDirectory, RefusesALinkToNothing) {
  const TempDir base;
  fs::create_symlink("none", base / "link");
  EXPECT_EQ(refusal(base / "link"), "2: --out " + (base / "link") +
                                        ": is a link to none, which does not exist; create that directory, or choose "
                                        "another --out");
  fs::create_directory(base / "none");
  EXPECT_EQ(refusal(base / "link"), "");
}

/// A later stage would find the file only after the training before it.
TEST(RunDirectory, RefusesFilesInPlaceOfItsDirectories) {
  for (const char* name : {"plans", "cache"}) {
    const TempDir base;
    { const RunDirectory run(base / "run"); }
    write_file(base / "run/" + name, "mine");
    EXPECT_NE(refusal(base / "run").find(fmt::format("3: {}/run/{}: is a file, but", base.path(), name)),
              std::string::npos)
        << refusal(base / "run");
    EXPECT_EQ(read_file(base / "run/" + name), "mine");
  }
}

TEST(RunDirectory, RefusesMarkersThatAreNotItsOwn) {
  const TempDir base;
  const auto with_marker = [&](const std::string& text) {
    const std::string path = base / "run";
    fs::remove_all(path);
    fs::create_directories(path);
    write_file(path + "/.filigree", text);
    return refusal(path);
  };
  EXPECT_EQ(with_marker("{\"filigree\":\"run\",\"version\":1}"), "");
  EXPECT_NE(with_marker("{\"filigree\":\"run\",\"version\":2}").find("3: "), std::string::npos);
  EXPECT_NE(with_marker("{\"filigree\":\"run\",\"version\":\"x\"}").find("is not a marker file"), std::string::npos);
  EXPECT_NE(with_marker("[]").find("is not a marker file"), std::string::npos);
  EXPECT_NE(with_marker("mine").find(".filigree:1: is not valid JSON"), std::string::npos);
  EXPECT_EQ(with_marker("{\"filigree\":\"run\",\"version\":1}"), "");
  fs::rename(base / "run/.filigree", base / "elsewhere");
  fs::create_symlink(base / "elsewhere", base / "run/.filigree");
  EXPECT_NE(refusal(base / "run").find("is not a marker file"), std::string::npos) << "a link";
}

TEST(RunDirectory, AnExportIsNoRun) {
  const TempDir base;
  write_marker(base.path(), DirectoryKind::model_export);
  write_file(base / "config.json", "{}");
  EXPECT_NE(refusal(base.path()).find("it contains config.json"), std::string::npos);
}

TEST(RunDirectory, DoesNotWriteThroughLinks) {
  const TempDir base;
  for (const char* name :
       {"log.txt", "metrics.jsonl", "recipe.yaml", "checkpoints", "final", "cache", "plans", ".lock"}) {
    const std::string path = base / std::string("run-") + name;
    { const RunDirectory run(path); }
    fs::remove(path + "/" + name);
    write_file(base / "victim", "mine");
    fs::create_symlink(base / "victim", path + "/" + name);
    EXPECT_NE(refusal(path).find("is a symbolic link"), std::string::npos) << name << ": " << refusal(path);
    EXPECT_EQ(read_file(base / "victim"), "mine");
  }
}

TEST(RunDirectory, NoticesThatItIsGone) {
  const TempDir base;
  const RunDirectory run(base / "run");
  EXPECT_EQ(run.folder("plans"), base / "run/plans");
  fs::rename(base / "run", base / "moved");
  EXPECT_THROW(run.require_present(), DataError);
  EXPECT_THROW(run.folder("cache"), DataError);
  fs::create_directory(base / "run");
  EXPECT_THROW(run.require_present(), DataError) << "another directory has its name";
  EXPECT_TRUE(fs::is_empty(base / "run"));
}

}  // namespace
}  // namespace filigree::files
