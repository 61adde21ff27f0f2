// filigree: the program. Commands are in commands.cpp, what their failures mean in failure.cpp.
#include <cstdio>
#include <iostream>

#include "core/error.h"
#include "core/files/disk.h"
#include "launch/command.h"
#include "launch/failure.h"

namespace {

using namespace filigree;

/// Results went to stdout: a disk that could not take them is an error like any other.
void require_written() {
  std::cout.flush();
  if (!std::cout || std::fflush(stdout) != 0)
    throw DataError("standard output: could not be written (is the disk full?)");
}

int run(const std::vector<std::string>& words, dist::Environment& environment) {
  try {
    const int code = launch::dispatch(words, environment);
    require_written();
    return code;
  } catch (...) {
    return launch::end_job(launch::explain(std::current_exception()), environment);
  }
}

}  // namespace

int main(int argc, char** argv) {
  files::ignore_file_size_signal();  // a file that may not grow is told as a full disk is
  try {
    dist::Environment environment(&argc, &argv);
    return run(std::vector<std::string>(argv + 1, argv + argc), environment);
  } catch (...) {  // the environment itself could not be set up
    const launch::Failure failure = launch::explain(std::current_exception());
    std::cerr << failure.message << '\n';
    return failure.exit_code;
  }
}
