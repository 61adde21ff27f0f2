#include "launch/run.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <exception>
#include <iostream>
#include <string_view>

#include "core/error.h"
#include "launch/commands/command.h"
#include "launch/failure.h"

namespace filigree::launch {
namespace {

/// Results go to stdout: if they cannot be written, that is an error like any other.
bool is_written() {
  std::cout.flush();
  return std::cout.good() && std::fflush(stdout) == 0;
}

/// Whether the reader of stdout has closed it, as `| head -1` does when it has its line.
bool reader_is_gone() {
  pollfd output{STDOUT_FILENO, POLLOUT, 0};
  return ::poll(&output, 1, 0) == 1 && (output.revents & (POLLERR | POLLHUP)) != 0;
}

std::string why_not_written() {
  if (::fcntl(STDOUT_FILENO, F_GETFD) == -1) return "is closed; redirect it to a file or to /dev/null";
  return reader_is_gone() ? "was closed by its reader before the result was printed"
                          : "could not be written (is the disk full?)";
}

/// Commands that write files do their work in any case.
bool only_prints(const std::vector<std::string>& words) {
  constexpr std::array<std::string_view, 4> kWriting{"train", "export", "report", "bench-methods"};
  return words.empty() || std::ranges::find(kWriting, words.front()) == kWriting.end();
}

/// A reader that has enough is not told so, as with other tools, which SIGPIPE ends.
int end_unwritten(const std::vector<std::string>& words, const dist::Environment& environment) {
  const DataError error("standard output: " + why_not_written());
  if (only_prints(words) && reader_is_gone()) return error.exit_code();
  return end_job({error.exit_code(), error.what()}, environment);
}

}  // namespace

int run(const std::vector<std::string>& words, dist::Environment& environment) {
  try {
    // One process ends as soon as nothing reads its results. A rank of several would leave the others waiting.
    if (environment.world_size() == 1) std::cout.exceptions(std::ios::badbit);
    const int code = dispatch(words, environment);
    std::cout.exceptions(std::ios::goodbit);
    return is_written() ? code : end_unwritten(words, environment);
  } catch (const std::ios_base::failure&) {
    const bool is_of_output = std::cout.bad();
    std::cout.exceptions(std::ios::goodbit);
    return is_of_output ? end_unwritten(words, environment) : end_job(explain(std::current_exception()), environment);
  } catch (...) {
    std::cout.exceptions(std::ios::goodbit);  // what is left of the results must not hide the error
    return end_job(explain(std::current_exception()), environment);
  }
}

}  // namespace filigree::launch
