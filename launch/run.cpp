#include "launch/run.h"

#include <cstdio>
#include <exception>
#include <iostream>

#include "core/error.h"
#include "launch/commands/command.h"
#include "launch/failure.h"

namespace filigree::launch {
namespace {

/// Results go to stdout: if they cannot be written, that is an error like any other.
void require_written() {
  std::cout.flush();
  if (!std::cout || std::fflush(stdout) != 0)
    throw DataError("standard output: could not be written (is the disk full?)");
}

}  // namespace

int run(const std::vector<std::string>& words, dist::Environment& environment) {
  try {
    const int code = dispatch(words, environment);
    require_written();
    return code;
  } catch (...) {
    return end_job(explain(std::current_exception()), environment);
  }
}

}  // namespace filigree::launch
