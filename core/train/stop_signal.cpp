#include "core/train/stop_signal.h"

#include <array>
#include <csignal>

namespace filigree::train {
namespace {

// A signal handler can reach nothing but an object with static storage.
volatile std::sig_atomic_t received_signal = 0;
constexpr std::array<int, 4> kSignals{SIGTERM, SIGINT, SIGUSR1, SIGUSR2};

extern "C" void remember_signal(int number) {
  // A second Ctrl-C ends the program at once.
  if (received_signal != 0 && number == SIGINT) {
    std::signal(SIGINT, SIG_DFL);
    std::raise(SIGINT);
  }
  received_signal = number;
}

}  // namespace

StopSignal::StopSignal() {
  received_signal = 0;
  for (int number : kSignals) std::signal(number, remember_signal);
}

StopSignal::~StopSignal() {
  for (int number : kSignals) std::signal(number, SIG_DFL);
}

int StopSignal::received() const { return received_signal; }

}  // namespace filigree::train
