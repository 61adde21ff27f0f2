// A child process: its exit, its output, the signal that is passed to it, and that it does not outlive this process.
#include "core/bench/child_process.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "core/error.h"
#include "core/files/read.h"
#include "tests/core/checkpoint/temp_dir.h"

namespace filigree::bench {
namespace {

using test::TempDir;

ChildEnd shell(const TempDir& dir, const std::string& script, std::function<bool()> stop_asked = {}) {
  return run_child({.words = {"sh", "-c", script},
                    .output = dir / "log",
                    .stop_signal = SIGTERM,
                    .stop_asked = std::move(stop_asked)});
}

TEST(Child, ItsEndIsReported) {
  const TempDir dir;
  EXPECT_EQ(shell(dir, "exit 0").exit_code, 0);
  EXPECT_EQ(shell(dir, "exit 75").exit_code, 75);
  const ChildEnd killed = shell(dir, "kill -9 $$");
  EXPECT_EQ(killed.signal, 9);
  EXPECT_EQ(killed.exit_code, 0);
}

TEST(Child, ItsOutputIsAppended) {
  const TempDir dir;
  shell(dir, "echo one; echo two >&2");
  shell(dir, "echo three; read x || echo nothing to read");
  EXPECT_EQ(files::read_file(dir / "log"), "one\ntwo\nthree\nnothing to read\n");
}

TEST(Child, TimeAndMemoryOfTheLargestDescendant) {
  const TempDir dir;
  const ChildEnd end = shell(dir, "sleep 0.2; head -c 40000000 /dev/zero | tail -c 39000000 > /dev/null; exit 0");
  EXPECT_GE(end.seconds, 0.2);
  EXPECT_LT(end.seconds, 60);
  EXPECT_GT(end.peak_memory_bytes, 39'000'000) << "tail keeps what it prints";
}

TEST(Child, ASignalIsPassedOnOnce) {
  const TempDir dir;
  int asked = 0;
  const ChildEnd end =
      shell(dir, "trap 'echo told; exit 75' TERM; i=0; while [ $i -lt 600 ]; do sleep 0.1; i=$((i+1)); done",
            [&] { return ++asked > 10; });
  EXPECT_EQ(end.exit_code, 75);
  EXPECT_EQ(files::read_file(dir / "log"), "told\n");
}

TEST(Child, AProgramThatDoesNotExistIsAnError) {
  const TempDir dir;
  try {
    run_child(
        {.words = {"no-such-program-of-filigree"}, .output = dir / "log", .stop_signal = SIGTERM, .stop_asked = {}});
    FAIL();
  } catch (const DataError& error) {
    EXPECT_STREQ(error.what(), "no-such-program-of-filigree: cannot be started: No such file or directory");
  }
}

TEST(Child, ItIsToldWhenThisProcessDies) {
  const TempDir dir;
  const pid_t parent = ::fork();
  ASSERT_GE(parent, 0);
  if (parent == 0) {
    shell(dir, "trap 'echo told; exit 75' TERM; echo ready; i=0; while [ $i -lt 600 ]; do sleep 0.1; i=$((i+1)); done");
    ::_exit(0);
  }
  const auto wait_for = [&](const std::string& text) {
    for (int i = 0; i < 600; ++i) {
      std::ifstream log(dir / "log");
      const std::string found((std::istreambuf_iterator<char>(log)), {});
      if (found == text) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return false;
  };
  EXPECT_TRUE(wait_for("ready\n"));
  ::kill(parent, SIGKILL);
  ::waitpid(parent, nullptr, 0);
  EXPECT_TRUE(wait_for("ready\ntold\n"));
}

}  // namespace
}  // namespace filigree::bench
