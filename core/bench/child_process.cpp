#include "core/bench/child_process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <ctime>

#include "core/error.h"
#include "core/files/disk.h"
#include "core/files/read.h"

namespace filigree::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr long kPollNs = 20'000'000;
constexpr int64_t kKibibyte = 1024;  // the unit of ru_maxrss

std::vector<char*> arguments_of(const std::vector<std::string>& words) {
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  return arguments;
}

/// In the child, between fork and exec: only calls that are safe there. An error number goes to `report`, which exec
/// closes.
[[noreturn]] void become(char* const* arguments, int input, int output, int stop_signal, pid_t parent, int report) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, stop_signal);
  // The parent may have died before.
  const bool ready = ::getppid() == parent && ::dup2(input, STDIN_FILENO) >= 0 && ::dup2(output, STDOUT_FILENO) >= 0 &&
                     ::dup2(output, STDERR_FILENO) >= 0;
  if (ready) ::execvp(arguments[0], arguments);
  const int code = errno;
  [[maybe_unused]] const ssize_t written = ::write(report, &code, sizeof code);
  ::_exit(127);
}

/// The error number of a child that could not become the program; 0 if it could.
int failure_of(int report) {
  int code = 0;
  ssize_t size = 0;
  do size = ::read(report, &code, sizeof code);
  while (size < 0 && errno == EINTR);
  return size == sizeof code ? code : 0;
}

[[noreturn]] void fail_to_start(const std::string& program, int code) {
  throw DataError(fmt::format("{}: cannot be started: {}", program, std::strerror(code)));
}

pid_t start(const ChildRequest& request) {
  const files::Descriptor input(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const files::Descriptor output = files::open_for_writing(request.output, O_APPEND);
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail_to_start(request.words.front(), errno);
  const files::Descriptor reading(ends[0]);
  files::Descriptor writing(ends[1]);
  const auto arguments = arguments_of(request.words);
  const pid_t parent = ::getpid(), child = ::fork();
  if (child < 0) fail_to_start(request.words.front(), errno);
  if (child == 0) become(arguments.data(), input.get(), output.get(), request.stop_signal, parent, writing.get());
  writing = files::Descriptor();
  if (const int code = failure_of(reading.get()); code != 0) {
    ::waitpid(child, nullptr, 0);
    fail_to_start(request.words.front(), code);
  }
  return child;
}

}  // namespace

ChildEnd run_child(const ChildRequest& request) {
  const auto began = Clock::now();
  const pid_t child = start(request);
  int status = 0;
  rusage usage{};
  bool told = false;
  while (true) {
    const pid_t ended = ::wait4(child, &status, WNOHANG, &usage);
    if (ended == child) break;
    if (ended < 0 && errno != EINTR)
      throw DataError(fmt::format("{}: cannot be waited for: {}", request.words.front(), std::strerror(errno)));
    if (!told && request.stop_asked && request.stop_asked()) told = ::kill(child, request.stop_signal) == 0;
    const timespec pause{0, kPollNs};
    ::nanosleep(&pause, nullptr);
  }
  const std::chrono::duration<double> took = Clock::now() - began;
  return {.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 0,
          .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
          .seconds = took.count(),
          .peak_memory_bytes = int64_t{usage.ru_maxrss} * kKibibyte};
}

}  // namespace filigree::bench
