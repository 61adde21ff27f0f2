// labels: unit
#include "core/files/staged_directory.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "core/error.h"
#include "core/files/disk.h"
#include "core/files/ownership.h"
#include "core/files/read.h"
#include "tests/core/checkpoint/temp_dir.h"

namespace filigree::files {
namespace {

namespace fs = std::filesystem;
using test::TempDir;
using Existing = StagedDirectory::Existing;

std::optional<std::string> write_export(const std::string& dir, const std::string& text, Existing existing) {
  StagedDirectory staged(dir, existing);
  write_file((staged.path() / "model.txt").string(), text);
  return staged.commit();
}

size_t entries(const std::string& dir) {
  return static_cast<size_t>(std::distance(fs::directory_iterator(dir), fs::directory_iterator()));
}

TEST(StagedDirectory, IsWholeOrAbsent) {
  const TempDir base;
  {
    StagedDirectory staged(base / "out", Existing::refuse);
    write_file((staged.path() / "half.txt").string(), "half");
    EXPECT_FALSE(fs::exists(base / "out"));
  }
  EXPECT_EQ(entries(base.path()), 0u);
  EXPECT_EQ(write_export(base / "out/", "new", Existing::refuse), std::nullopt);
  EXPECT_EQ(read_file(base / "out/model.txt"), "new");
  EXPECT_TRUE(is_untouched_export(base / "out"));
  EXPECT_EQ(entries(base.path()), 1u);
}

TEST(StagedDirectory, RefusesWhatIsOccupied) {
  const TempDir base;
  fs::create_directory(base / "empty");
  EXPECT_EQ(write_export(base / "empty", "new", Existing::refuse), std::nullopt);
  fs::create_directory(base / "mine");
  write_file(base / "mine/notes.txt", "mine");
  EXPECT_THROW(write_export(base / "mine", "new", Existing::refuse), UsageError);
  EXPECT_THROW(write_export(base / "mine/notes.txt", "new", Existing::refuse), UsageError);
  fs::create_directory_symlink(base / "mine", base / "link");
  EXPECT_THROW(write_export(base / "link", "new", Existing::refuse), UsageError);
  EXPECT_THROW(write_export(base / "link", "new", Existing::replace), UsageError);
  EXPECT_EQ(read_file(base / "mine/notes.txt"), "mine");
}

TEST(StagedDirectory, TheFirstOfTwoWins) {
  const TempDir base;
  StagedDirectory first(base / "out", Existing::refuse), second(base / "out", Existing::refuse);
  write_file((first.path() / "model.txt").string(), "first");
  write_file((second.path() / "model.txt").string(), "second");
  EXPECT_EQ(first.commit(), std::nullopt);
  EXPECT_THROW(second.commit(), UsageError);
  EXPECT_EQ(read_file(base / "out/model.txt"), "first");
}

TEST(StagedDirectory, FilesInFoldersAreItsOwnToo) {
  const TempDir base;
  const std::string out = base / "out";
  const auto write = [&] {
    StagedDirectory staged(out, Existing::replace);
    fs::create_directory(staged.path() / "more");
    write_file((staged.path() / "more/a.txt").string(), "a");
    return staged.commit();
  };
  write();
  EXPECT_TRUE(is_untouched_export(out));
  EXPECT_EQ(write(), std::nullopt) << "an untouched one is replaced";
  write_file(out + "/more/a.txt", "edited");
  EXPECT_EQ(changed_since_export(out), (std::vector<std::string>{"more/a.txt"}));
  EXPECT_EQ(write(), out + ".kept-1");
  write_file(out + "/more/b.txt", "added");
  EXPECT_EQ(write(), out + ".kept-2");
  fs::create_directory(out + "/more/empty");
  EXPECT_EQ(write(), out + ".kept-3");
}

TEST(StagedDirectory, ReplacesItsOwnAndKeepsWhatAUserTouched) {
  const TempDir base;
  const std::string out = base / "out";
  write_export(out, "1", Existing::refuse);
  EXPECT_EQ(write_export(out, "2", Existing::replace), std::nullopt);
  EXPECT_EQ(entries(base.path()), 1u);

  write_file(out + "/README.md", "added");
  EXPECT_EQ(write_export(out, "3", Existing::replace), out + ".kept-1");
  EXPECT_EQ(read_file(out + ".kept-1/README.md"), "added");

  write_file(out + "/model.txt", "edited");
  EXPECT_EQ(write_export(out, "4", Existing::replace), out + ".kept-2");
  EXPECT_EQ(read_file(out + ".kept-2/model.txt"), "edited");

  fs::create_symlink("nowhere", out + "/link");
  EXPECT_EQ(write_export(out, "5", Existing::replace), out + ".kept-3");
  fs::remove(out + "/.filigree");
  EXPECT_EQ(write_export(out, "6", Existing::replace), out + ".kept-4");
  EXPECT_EQ(read_file(out + "/model.txt"), "6");
}

TEST(StagedDirectory, RemovesOnlyLeftoversOfItsOwn) {
  const TempDir base;
  fs::create_directory(base / ".tmp-export-out.123-0");  // killed, marked
  write_marker(base / ".tmp-export-out.123-0", DirectoryKind::model_export);
  fs::create_directory(base / ".tmp-export-out.mine");
  write_file(base / ".tmp-export-out.mine/draft.txt", "mine");
  StagedDirectory running(base / "out", Existing::refuse);
  EXPECT_FALSE(fs::exists(base / ".tmp-export-out.123-0"));
  { const StagedDirectory other(base / "out", Existing::refuse); }
  EXPECT_TRUE(fs::exists(running.path())) << "an export that goes on was taken for a leftover";
  EXPECT_EQ(read_file(base / ".tmp-export-out.mine/draft.txt"), "mine");
}

}  // namespace
}  // namespace filigree::files
