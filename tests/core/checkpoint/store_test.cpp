// What a folder of checkpoints holds after saves, damage and retention.
#include "core/checkpoint/store.h"

#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "core/error.h"
#include "core/files/disk.h"
#include "core/files/hash.h"
#include "core/files/ownership.h"
#include "core/safetensors/content_hash.h"
#include "tests/core/checkpoint/store_support.h"
#include "tests/core/checkpoint/temp_dir.h"

namespace filigree::checkpoint {
namespace {

namespace fs = std::filesystem;
using namespace filigree::test;

TEST(CheckpointStore, ReadsBackWhatWasSaved) {
  const TempDir run;
  CheckpointStore store(run.path(), 3);
  auto data = make_checkpoint(12);
  data.files[0].second.emplace_back("bits", at::randn({3, 5}).to(at::kBFloat16));
  store.save(data);
  const auto found = store.newest_whole();
  ASSERT_TRUE(found);
  const auto loaded = store.load(*found);
  expect_content(loaded, 12);
  EXPECT_TRUE(loaded.tensor("trained", "bits").equal(data.files[0].second.back().second));
  EXPECT_EQ(loaded.state, data.state);
  EXPECT_EQ(load_state(*found), data.state);
  EXPECT_EQ(checkpoint_at(found->path + "/").step, 12);
  EXPECT_FALSE(loaded.contains("trained", "V"));
  EXPECT_NE(message_of<DataError>([&] { loaded.tensor("trained", "V"); }).find("no tensor 'V' in trained"),
            std::string::npos);
}

TEST(CheckpointStore, EmptyFolderHasNone) {
  const TempDir run;
  EXPECT_FALSE(newest_whole(run / "checkpoints"));
  EXPECT_FALSE(best_checkpoint(run / "checkpoints"));
  const CheckpointStore store(run.path(), 3);
  EXPECT_FALSE(store.newest_whole());
  EXPECT_NE(message_of<DataError>([&] { checkpoint_at(run / "nothing"); }).find("no such checkpoint"),
            std::string::npos);
}

TEST(CheckpointStore, FallsBackToTheNewestWholeOneAndSaysWhy) {
  const TempDir run;
  CheckpointStore store(run.path(), 5);
  for (int64_t step : {10, 20, 30, 40}) store.save(make_checkpoint(step));
  fs::resize_file(store.dir() + "/step-00000040/trained.safetensors", 100);
  fs::remove(store.dir() + "/step-00000030/manifest.json");
  std::vector<Rejected> rejected;
  const auto found = store.newest_whole(&rejected);
  ASSERT_TRUE(found);
  expect_content(store.load(*found), 20);
  ASSERT_EQ(rejected.size(), 2u);
  EXPECT_NE(rejected[0].reason.find("has 100 bytes, but the manifest lists"), std::string::npos) << rejected[0].reason;
  EXPECT_NE(rejected[1].reason.find("never finished"), std::string::npos) << rejected[1].reason;
  EXPECT_THROW(load({40, store.dir() + "/step-00000040"}), DataError);
}

TEST(CheckpointStore, PinnedOnesStayUntilTheyAreReleased) {
  const TempDir run;
  CheckpointStore store(run.path(), 1);
  store.save(make_checkpoint(10));
  store.pin({10});
  for (int64_t step : {20, 30}) store.save(make_checkpoint(step));
  EXPECT_TRUE(fs::exists(store.dir() + "/step-00000010/manifest.json"));
  EXPECT_FALSE(fs::exists(store.dir() + "/step-00000020"));
  store.pin({});
  store.save(make_checkpoint(40));
  EXPECT_FALSE(fs::exists(store.dir() + "/step-00000010"));
}

TEST(CheckpointStore, BringsACheckpointOfAnotherRun) {
  const TempDir other_run, run;
  CheckpointStore other(other_run.path(), 3), store(run.path(), 3);
  other.save(make_checkpoint(10));
  store.bring(checkpoint_at(other.dir() + "/step-00000010"));
  expect_content(store.load(checkpoint_at(store.dir() + "/step-00000010")), 10);
  spit(other.dir() + "/step-00000010/trained.safetensors", "other bytes");
  store.bring(checkpoint_at(other.dir() + "/step-00000010"));
  EXPECT_FALSE(find_fault({10, store.dir() + "/step-00000010"})) << "what is there is not replaced";
  EXPECT_EQ(fs::exists(store.dir() + "/.tmp-step-00000010"), false);
}

TEST(CheckpointStore, EveryFlippedByteIsFound) {
  const TempDir run;
  CheckpointStore store(run.path(), 1);
  store.save(make_checkpoint(7, 50));
  const auto info = *store.newest_whole();
  int flips = 0;
  for (const auto& entry : fs::directory_iterator(info.path)) {
    const std::string path = entry.path().string(), original = slurp(path);
    for (size_t at = 0; at < original.size(); ++at) {
      std::string damaged = original;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << (at % 8)));
      spit(path, damaged);
      EXPECT_TRUE(find_fault(info)) << path << " byte " << at;
      ++flips;
    }
    spit(path, original);
  }
  EXPECT_GT(flips, 800);
  EXPECT_FALSE(find_fault(info));
}

TEST(CheckpointStore, EveryTruncationAndExtensionIsFound) {
  const TempDir run;
  CheckpointStore store(run.path(), 1);
  store.save(make_checkpoint(7, 50));
  const auto info = *store.newest_whole();
  for (const auto& entry : fs::directory_iterator(info.path)) {
    const std::string path = entry.path().string(), original = slurp(path);
    for (size_t size = 0; size < original.size(); size += 3) {
      spit(path, original.substr(0, size));
      EXPECT_TRUE(find_fault(info)) << path << " cut to " << size;
    }
    spit(path, original + "x");
    EXPECT_TRUE(find_fault(info)) << path << " with a byte more";
    fs::remove(path);
    EXPECT_TRUE(find_fault(info)) << path << " removed";
    spit(path, original);
  }
  EXPECT_FALSE(find_fault(info));
}

TEST(CheckpointStore, RefusesAnotherFormatVersion) {
  const TempDir run;
  CheckpointStore store(run.path(), 1);
  store.save(make_checkpoint(1));
  const auto info = *store.newest_whole();
  std::string text = slurp(info.path + "/manifest.json");
  text.replace(text.find("\"version\":3"), 11, "\"version\":9");
  const std::string rest = text.substr(9 + 16);
  spit(info.path + "/manifest.json", "{\"xxh3\":\"" + files::hash_text(rest) + rest);
  EXPECT_NE(message_of<DataError>([&] { load(info); }).find("format version 9"), std::string::npos);
}

TEST(CheckpointStore, KeepsTheNewestTheLastAndTheBest) {
  const TempDir run;
  CheckpointStore store(run.path(), 2);
  store.save(make_checkpoint(10));
  store.mark_best(10);
  for (int64_t step : {20, 30, 40, 50}) store.save(make_checkpoint(step));
  EXPECT_EQ(steps_in(store.dir()), (std::vector<int64_t>{50, 40, 10}));
  EXPECT_EQ(store.best()->step, 10);
  store.mark_best(40);
  EXPECT_EQ(steps_in(store.dir()), (std::vector<int64_t>{50, 40}));
  store.save(make_checkpoint(60));
  store.save(make_checkpoint(70));
  EXPECT_EQ(steps_in(store.dir()), (std::vector<int64_t>{70, 60, 40}));
  EXPECT_EQ(store.best()->step, 40);
}

TEST(CheckpointStore, KeepNoneStillKeepsLastAndBest) {
  const TempDir run;
  CheckpointStore store(run.path(), 0);
  store.save(make_checkpoint(1));
  store.mark_best(1);
  store.save(make_checkpoint(2));
  store.save(make_checkpoint(3));
  EXPECT_EQ(steps_in(store.dir()), (std::vector<int64_t>{3, 1}));
}

TEST(CheckpointStore, ReplacesOneOfTheSameStep) {
  const TempDir run;
  CheckpointStore store(run.path(), 2);
  store.save(make_checkpoint(5));
  auto again = make_checkpoint(5);
  again.state["stage"] = 1;
  store.save(again);
  EXPECT_EQ(store.load(*store.newest_whole()).state, again.state);
  int entries = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator(store.dir())) ++entries;
  EXPECT_EQ(entries, 1);
}

TEST(CheckpointStore, RewindRemovesWhatLiesAhead) {
  const TempDir run;
  CheckpointStore store(run.path(), 9);
  for (int64_t step : {10, 20, 30, 40}) store.save(make_checkpoint(step));
  store.mark_best(40);
  store.rewind(20, 10);
  EXPECT_EQ(steps_in(store.dir()), (std::vector<int64_t>{20, 10}));
  ASSERT_TRUE(store.best());
  EXPECT_EQ(store.best()->step, 10);
  store.rewind(10, 99);
  EXPECT_EQ(steps_in(store.dir()), (std::vector<int64_t>{10}));
  EXPECT_EQ(store.best()->step, 10);
}

TEST(CheckpointStore, RemovesLeftoversOfKilledRuns) {
  const TempDir run;
  fs::create_directories(run / "checkpoints/.tmp-step-00000009");
  spit(run / "checkpoints/.tmp-step-00000009/trained.safetensors", "half");
  spit(run / "checkpoints/.tmp-best.json.4711-0", "{");
  files::write_marker(run.path(), files::DirectoryKind::run);
  const CheckpointStore store(run.path(), 2);
  EXPECT_TRUE(fs::is_empty(store.dir()));
}

TEST(CheckpointStore, KeepsWhatAUserAdded) {
  const TempDir run;
  CheckpointStore store(run.path(), 1);
  store.save(make_checkpoint(1));
  spit(store.dir() + "/step-00000001/notes.txt", "mine");
  spit(store.dir() + "/.tmp-notes.txt", "mine");
  fs::create_directories(store.dir() + "/mine");
  for (const int64_t step : {2, 3}) store.save(make_checkpoint(step));
  spit(store.dir() + "/step-00000003/more.safetensors", "mine");
  store.save(make_checkpoint(3));
  store.rewind(0);
  EXPECT_EQ(slurp(store.dir() + "/step-00000001.kept-1/notes.txt"), "mine");
  EXPECT_EQ(slurp(store.dir() + "/step-00000003.kept-1/more.safetensors"), "mine");
  EXPECT_EQ(slurp(store.dir() + "/.tmp-notes.txt"), "mine");
  EXPECT_TRUE(fs::is_directory(store.dir() + "/mine"));
  EXPECT_TRUE(list_checkpoints(store.dir()).empty());
}

TEST(CheckpointStore, ADamagedBestMarkerIsNoMarker) {
  const TempDir run;
  CheckpointStore store(run.path(), 2);
  store.save(make_checkpoint(1));
  for (const char* text : {"", "{", "[1]", "{\"step\":\"x\"}", "{\"step\":77}"}) {
    spit(store.dir() + "/best.json", text);
    EXPECT_FALSE(store.best()) << text;
  }
}

/// Exit code of a child that opens the store: 0 opened, 2 refused with a message that names this process.
int try_in_child(const std::string& run_dir) {
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child == 0) {
    try {
      const CheckpointStore store(run_dir, 1);
      ::_exit(0);
    } catch (const UserError& e) {
      const bool named = std::string(e.what()).find(fmt::format("process {} on", parent)) != std::string::npos;
      ::_exit(named ? e.exit_code() : 99);
    }
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WEXITSTATUS(status);
}

TEST(RunLock, ASecondRunIsRefusedAndReadersAreNot) {
  const TempDir run;
  {
    CheckpointStore store(run.path(), 1);
    store.save(make_checkpoint(3));
    EXPECT_EQ(try_in_child(run.path()), 2);
    EXPECT_EQ(newest_whole(run / "checkpoints")->step, 3);
  }
  EXPECT_EQ(try_in_child(run.path()), 0);
}

TEST(ContentHash, NamesTheBytesOfTheWeights) {
  const TempDir a, b;
  write_safetensors(a / "model.safetensors", {{"w", at::full({10}, 1, at::kFloat)}});
  fs::copy_file(a / "model.safetensors", b / "model.safetensors");
  const std::string hash = content_hash(a.path());
  EXPECT_EQ(hash.size(), 5u + 32u);
  EXPECT_EQ(hash, content_hash(b.path()));
  write_safetensors(b / "model.safetensors", {{"w", at::full({10}, 2, at::kFloat)}});
  EXPECT_NE(hash, content_hash(b.path()));
}

TEST(Disk, FormatsBytes) {
  EXPECT_EQ(files::format_bytes(0), "0 B");
  EXPECT_EQ(files::format_bytes(999), "999 B");
  EXPECT_EQ(files::format_bytes(1500), "1.5 KB");
  EXPECT_EQ(files::format_bytes(999'960), "1.0 MB");
  EXPECT_EQ(files::format_bytes(90'900'000), "90.9 MB");
}

}  // namespace
}  // namespace filigree::checkpoint
