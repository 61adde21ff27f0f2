// A deadline around a call that keeps none.
//
// labels: unit
#include "dist/phase_watch.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

namespace filigree::dist {
namespace {

using Clock = std::chrono::steady_clock;

void sleep_for(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }

TEST(PhaseWatch, CallsWhenTheTimeIsOver) {
  std::atomic<bool> called{false};
  const auto start = Clock::now();
  std::atomic<double> after{0};
  const PhaseWatch watch(0.3, [&] {
    after = std::chrono::duration<double>(Clock::now() - start).count();
    called = true;
  });
  while (!called && Clock::now() - start < std::chrono::seconds(20)) sleep_for(0.01);
  EXPECT_TRUE(called);
  EXPECT_GE(after, 0.3);
}

TEST(PhaseWatch, IsQuietWhenThePhaseEndsInTime) {
  std::atomic<bool> called{false};
  const auto start = Clock::now();
  {
    const PhaseWatch watch(600, [&] { called = true; });
  }
  EXPECT_FALSE(called);
  EXPECT_LT(Clock::now() - start, std::chrono::seconds(20)) << "the end of a phase waits for no deadline";
}

}  // namespace
}  // namespace filigree::dist
