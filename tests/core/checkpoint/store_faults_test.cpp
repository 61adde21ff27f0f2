// labels: unit faults
// kill -9 at any moment of a save, and disks that refuse.
#include <ATen/ops/zeros.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <random>
#include <system_error>
#include <thread>

#include "core/checkpoint/store.h"
#include "core/error.h"
#include "core/files/disk.h"
#include "core/files/ownership.h"
#include "tests/core/checkpoint/store_support.h"
#include "tests/core/checkpoint/temp_dir.h"

namespace filigree::checkpoint {
namespace {

namespace fs = std::filesystem;
using namespace filigree::test;

/// A child that saves steps first, first+1, … for ever, each twice (the second replaces the first). Returns when it is
/// about to save, however long its start took.
pid_t start_saver(const std::string& run_dir, int64_t first) {
  int ready[2];
  if (::pipe(ready) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
  const pid_t child = ::fork();
  if (child != 0) {
    ::close(ready[1]);
    char byte;
    EXPECT_EQ(::read(ready[0], &byte, 1), 1) << "the saver ended before its first save";
    ::close(ready[0]);
    return child;
  }
  try {
    CheckpointStore store(run_dir, 2);
    if (::write(ready[1], "", 1) != 1) ::_exit(1);
    for (int64_t step = first;; ++step) {
      const auto data = make_checkpoint(step, 20000);
      store.save(data);
      store.save(data);
      if (step % 3 == 0) store.mark_best(step);
    }
  } catch (...) {
    ::_exit(1);
  }
}

void kill_after(pid_t child, std::chrono::microseconds delay) {
  std::this_thread::sleep_for(delay);
  ASSERT_EQ(::kill(child, SIGKILL), 0);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status)) << "the saver ended by itself with code " << WEXITSTATUS(status);
}

/// How long one save takes here and now; a sync can take a hundred times longer on one disk than on another.
std::chrono::microseconds time_of_a_save() {
  const TempDir run;
  CheckpointStore store(run.path(), 2);
  const auto start = std::chrono::steady_clock::now();
  for (int64_t step = 1; step <= 4; ++step) store.save(make_checkpoint(step, 20000));
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - start) / 4;
}

TEST(StoreFaults, KilledAtRandomMomentsEveryCheckpointIsWhole) {
  const TempDir run;
  const std::string dir = run / "checkpoints";
  std::mt19937 random(7);
  std::uniform_int_distribution<int64_t> delay(500, 1000 + 5 * time_of_a_save().count());
  int64_t newest = 0, leftovers = 0;
  const auto shows_something = [&] { return newest > 10 && leftovers > 5; };
  for (int round = 0; round < 30 || (!shows_something() && round < 300); ++round) {
    kill_after(start_saver(run.path(), newest + 1), std::chrono::microseconds(delay(random)));
    for (const auto& entry : fs::directory_iterator(dir))
      if (entry.path().filename().string().starts_with(".tmp-")) ++leftovers;
    // Not only is there a good one: no directory under its final name is ever anything but whole.
    for (const auto& info : list_checkpoints(dir)) {
      EXPECT_FALSE(find_fault(info)) << *find_fault(info);
      expect_content(load(info), info.step);
    }
    const auto found = newest_whole(dir);
    ASSERT_TRUE(found || newest == 0);
    if (!found) continue;
    EXPECT_GE(found->step, newest) << "a finished checkpoint was lost";
    newest = found->step;
    const auto best = best_checkpoint(dir);
    EXPECT_FALSE(best && find_fault(*best));
    const CheckpointStore reopened(run.path(), 2);
    for (const auto& entry : fs::directory_iterator(dir))
      EXPECT_FALSE(entry.path().filename().string().starts_with(".tmp-"));
  }
  EXPECT_GT(newest, 10) << "the saver hardly got anywhere, so the test shows nothing";
  EXPECT_GT(leftovers, 5) << "no kill fell into a save, so the test shows nothing";
}

/// Limits the size of files for its lifetime.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

void expect_last_good_is_kept(CheckpointStore& store, const std::string& message, int64_t last) {
  expect_content(store.load(*store.newest_whole()), last);
  for (const auto& entry : fs::directory_iterator(store.dir()))
    EXPECT_FALSE(entry.path().filename().string().starts_with(".tmp-"));
  EXPECT_NE(message.find(fmt::format("The newest complete one is {}/step-{:08}", store.dir(), last)), std::string::npos)
      << message;
  EXPECT_NE(message.find("resumes from there"), std::string::npos) << message;
}

TEST(StoreFaults, AFileSizeLimitKeepsTheLastGoodOnes) {
  const TempDir run;
  CheckpointStore store(run.path(), 1);
  store.save(make_checkpoint(1));
  std::string message;
  {
    const FileSizeLimit limit(16384);
    message = message_of<DataError>([&] { store.save(make_checkpoint(2, 100000)); });
  }
  EXPECT_NE(message.find(std::strerror(EFBIG)), std::string::npos) << message;
  EXPECT_NE(message.find("needs 800.1 KB"), std::string::npos) << message;
  EXPECT_NE(message.find("ulimit -f"), std::string::npos) << message;
  expect_last_good_is_kept(store, message, 1);
  store.save(make_checkpoint(3));
  EXPECT_EQ(steps_in(store.dir()), std::vector<int64_t>{3});
}

/// A file system of `kilobytes`, or nothing where this user may not mount one.
class SmallDisk {
 public:
  SmallDisk(const std::string& path, int kilobytes) : path_(path) {
    fs::create_directories(path);
    mounted_ = ::mount("tmpfs", path.c_str(), "tmpfs", 0, fmt::format("size={}k", kilobytes).c_str()) == 0;
  }
  ~SmallDisk() {
    if (mounted_) ::umount2(path_.c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  bool mounted() const { return mounted_; }
  bool make_read_only() const { return ::mount("tmpfs", path_.c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, nullptr) == 0; }

 private:
  std::string path_;
  bool mounted_ = false;
};

constexpr const char* kNoMount =
    "a tmpfs cannot be mounted by this user; the file size limit stands in for a full disk";

TEST(StoreFaults, AFullDiskKeepsTheLastGoodOnes) {
  const TempDir parent;
  const SmallDisk disk(parent / "disk", 1024);
  if (!disk.mounted()) GTEST_SKIP() << kNoMount;
  CheckpointStore store(parent / "disk", 1);
  store.save(make_checkpoint(1));
  const std::string message = message_of<DataError>([&] { store.save(make_checkpoint(2, 200000)); });
  EXPECT_NE(message.find(std::strerror(ENOSPC)), std::string::npos) << message;
  EXPECT_NE(message.find("needs 1.6 MB"), std::string::npos) << message;
  EXPECT_NE(message.find("Free some space"), std::string::npos) << message;
  expect_last_good_is_kept(store, message, 1);
  store.save(make_checkpoint(3));
  expect_content(store.load(*store.newest_whole()), 3);
}

TEST(StoreFaults, AFullDiskIsForeseen) {
  const TempDir parent;
  const SmallDisk disk(parent / "disk", 1024);
  if (!disk.mounted()) GTEST_SKIP() << kNoMount;
  const CheckpointStore store(parent / "disk", 3);
  store.check_space(100'000);
  const std::string message = message_of<DataError>([&] { store.check_space(400'000); });
  EXPECT_NE(message.find("need 2.0 MB (checkpoint.keep: 3"), std::string::npos) << message;
}

TEST(StoreFaults, AReadOnlyDiskKeepsTheLastGoodOnes) {
  const TempDir parent;
  const SmallDisk disk(parent / "disk", 1024);
  if (!disk.mounted()) GTEST_SKIP() << kNoMount;
  fs::create_directories(parent / "disk/run");
  std::string message;
  {
    CheckpointStore store(parent / "disk/run", 1);
    store.save(make_checkpoint(1));
  }
  // The lock file would stand in the way of a read-only remount, so the store is opened again on the read-only disk.
  ASSERT_TRUE(disk.make_read_only());
  message = message_of<DataError>([&] { CheckpointStore(parent / "disk/run", 1); });
  EXPECT_NE(message.find(std::strerror(EROFS)), std::string::npos) << message;
  EXPECT_NE(message.find("choose another --out"), std::string::npos) << message;
  expect_content(load(*newest_whole(parent / "disk/run/checkpoints")), 1);
}

TEST(StoreFaults, ACheckpointOfANewerVersionIsNotPassedOver) {
  const TempDir run;
  CheckpointStore store(run.path(), 9);
  for (const int64_t step : {1, 2}) store.save(make_checkpoint(step));
  const std::string newest = store.dir() + "/step-00000002";
  Manifest manifest = read_manifest(newest);
  manifest.version = 99;
  spit(newest + "/manifest.json", to_text(manifest));
  const std::string message = message_of<DataError>([&] { store.newest_whole(); });
  for (const char* said : {"has format version 99", "use the release that wrote it", "is not skipped"})
    EXPECT_NE(message.find(said), std::string::npos) << message;
  EXPECT_EQ(steps_in(store.dir()), (std::vector<int64_t>{2, 1}));
}

TEST(StoreFaults, ALinkIsNotFollowedForWriting) {
  const TempDir dir;
  spit(dir / "mine.txt", "thesis");
  fs::create_symlink(dir / "mine.txt", dir / "out.safetensors");
  const std::string message = message_of<DataError>([&] {
    write_safetensors(dir / "out.safetensors", {{"a", at::zeros({2}, at::kFloat)}});
  });
  EXPECT_NE(message.find("is a symbolic link, which is not followed"), std::string::npos) << message;
  EXPECT_EQ(slurp(dir / "mine.txt"), "thesis");
}

TEST(StoreFaults, ACheckpointsFolderThatWasRemovedIsMadeAnew) {
  const TempDir run;
  CheckpointStore store(run.path(), 1);
  store.save(make_checkpoint(1));
  fs::remove_all(store.dir());
  store.save(make_checkpoint(2));
  EXPECT_EQ(steps_in(store.dir()), std::vector<int64_t>{2});
  expect_content(store.load(*store.newest_whole()), 2);
}

TEST(StoreFaults, AFolderThatMayNotBeWritten) {
  if (::geteuid() == 0) {
    // Root may write anywhere; a file in the folder's place refuses root as well.
    const TempDir run;
    files::write_marker(run.path(), files::DirectoryKind::run);
    spit(run / "checkpoints", "a file");
    const std::string message = message_of<DataError>([&] { CheckpointStore(run.path(), 1); });
    EXPECT_NE(message.find("checkpoints: is a file, but filigree needs a directory of this name"), std::string::npos)
        << message;
    return;
  }
  const TempDir run;
  CheckpointStore store(run.path(), 1);
  store.save(make_checkpoint(1));
  fs::permissions(store.dir(), fs::perms::owner_read | fs::perms::owner_exec);
  const std::string message = message_of<DataError>([&] { store.save(make_checkpoint(2)); });
  fs::permissions(store.dir(), fs::perms::owner_all);
  EXPECT_NE(message.find(std::strerror(EACCES)), std::string::npos) << message;
  EXPECT_NE(message.find("Make the folder writable"), std::string::npos) << message;
  expect_last_good_is_kept(store, message, 1);
}

}  // namespace
}  // namespace filigree::checkpoint
