#pragma once
// A deadline for calls that have none: MPI's start and end wait for all ranks, even for one that never arrives.
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace filigree::dist {

/// Seconds that the start of MPI may take unless a recipe sets another limit; the default of parallel.timeout.
constexpr double kStartDeadline = 600;

/// While it lives, a separate thread counts the seconds. When the time is up, it calls `expired`, which must not
/// return. Seconds during which the process itself was stopped do not count.
class PhaseWatch {
 public:
  PhaseWatch(double seconds, std::function<void()> expired);
  ~PhaseWatch();
  PhaseWatch(const PhaseWatch&) = delete;

 private:
  void count(double seconds);

  std::function<void()> expired_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool over_ = false;
  std::thread thread_;  // last: it uses the others
};

}  // namespace filigree::dist
