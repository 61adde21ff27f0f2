#include "dist/phase_watch.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace filigree::dist {

PhaseWatch::PhaseWatch(double seconds, std::function<void()> expired)
    : expired_(std::move(expired)), thread_([this, seconds] { count(seconds); }) {}

PhaseWatch::~PhaseWatch() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void PhaseWatch::count(double seconds) {
  using Clock = std::chrono::steady_clock;
  constexpr auto kSlice = std::chrono::milliseconds(100);
  double counted = 0;
  auto last = Clock::now();
  std::unique_lock lock(mutex_);
  while (counted < seconds) {
    if (changed_.wait_for(lock, kSlice, [this] { return over_; })) return;
    const auto now = Clock::now();
    // If a slice took much longer, the process was stopped.
    counted += std::min(1.0, std::chrono::duration<double>(now - last).count());
    last = now;
  }
  lock.unlock();
  expired_();
}

}  // namespace filigree::dist
