#include "core/run/stop_signal.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <optional>

#include "dist/launcher.h"

namespace filigree::train {
namespace {

constexpr int kExitCode = 75;
constexpr std::array<int, 5> kSignals{SIGTERM, SIGINT, SIGUSR1, SIGUSR2, SIGHUP};
constexpr int64_t kRepetitionMs = 1000;  // a second SIGINT sooner than this repeats the first one

enum Phase : int { kEndAtOnce, kDefer, kIgnore };

// A signal handler can access only objects with static storage.
std::atomic<int> phase{kEndAtOnce};
std::atomic<int> received_signal{0};
std::atomic<int64_t> received_at{0};  // CLOCK_MONOTONIC in milliseconds; 0: nothing was received
int own_rank = 0;
bool launched = false;          // by mpirun or srun
std::atomic<int> log_file{-1};  // log.txt
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<int64_t>::is_always_lock_free);

int64_t milliseconds_now() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{1000} * now.tv_sec + now.tv_nsec / 1'000'000;
}

/// Writes the parts in one call, so that lines of several ranks do not mix.
template <class... Parts>
void say(const Parts*... parts) {
  char text[512] = {};
  (std::strncat(text, parts, sizeof text - std::strlen(text) - 1), ...);
  for (const int file : {STDERR_FILENO, log_file.load()})
    if (file >= 0 && ::write(file, text, std::strlen(text)) < 0) continue;  // a failure cannot be handled here
}

const char* name_of(int number) {
  switch (number) {
    case SIGTERM:
      return "SIGTERM";
    case SIGINT:
      return "SIGINT";
    case SIGUSR1:
      return "SIGUSR1";
    case SIGUSR2:
      return "SIGUSR2";
    default:
      return "SIGHUP";
  }
}

/// After a rank has failed, the launcher ends the others with SIGTERM; it passes other signals on to all ranks.
bool is_worth_a_word(int number, pid_t sender) {
  const bool from_launcher = launched && sender == ::getppid();
  return from_launcher ? number != SIGTERM && own_rank == 0 : true;
}

[[noreturn]] void end_process(int number, pid_t sender) {
  if (is_worth_a_word(number, sender)) {
    const char* when = phase == kDefer ? ", sent again: no new checkpoint was written. "
                                       : " while no stage was training: there was nothing to save. ";
    say("filigree: stopped by ", name_of(number), when,
        "Start the same command again to resume from the newest checkpoint, or from the beginning.\n");
  }
  ::_exit(kExitCode);
}

extern "C" void on_signal(int number, siginfo_t* info, void* /*context*/) {
  const int saved = errno;
  const pid_t sender = info != nullptr ? info->si_pid : 0;
  if (phase == kEndAtOnce) end_process(number, sender);
  if (phase == kDefer) {
    // Set the time first: a second signal may arrive in between.
    const int64_t now = milliseconds_now();
    int64_t never = 0;
    received_at.compare_exchange_strong(never, now);
    int none = 0;
    if (!received_signal.compare_exchange_strong(none, number) && number == SIGINT && now - received_at > kRepetitionMs)
      end_process(number, sender);
  }
  errno = saved;
}

void read_rank() {
  const std::optional<int> rank = dist::launched_rank();
  own_rank = rank.value_or(0);
  launched = rank.has_value();
}

bool is_ignored(int number) {
  struct sigaction current {};
  return ::sigaction(number, nullptr, &current) == 0 && current.sa_handler == SIG_IGN;
}

}  // namespace

void handle_stop_signals() {
  read_rank();
  // SA_RESTART: a deferred or ignored signal must not fail a read or write.
  struct sigaction action {};
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  ::sigemptyset(&action.sa_mask);
  for (int number : kSignals) {
    if (number != SIGHUP || !is_ignored(number)) ::sigaction(number, &action, nullptr);
  }
}

StopSignal::StopSignal() {
  received_signal = 0;
  received_at = 0;
}
StopSignal::~StopSignal() {
  ignore();
  log_file = -1;
}

void StopSignal::end_at_once() { phase = kEndAtOnce; }
void StopSignal::defer() { phase = kDefer; }
void StopSignal::ignore() { phase = kIgnore; }
void StopSignal::log_to(int descriptor) { log_file = descriptor; }

int StopSignal::received() const { return received_signal; }

}  // namespace filigree::train
