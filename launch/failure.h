#pragma once
// Turns an exception into a message for the user, without a stack trace, and a documented exit code.
//   2  usage or recipe
//   3  data, model, checkpoint, disk, or ranks that cannot start here
//   4  a rank or collective, out of memory, or a bug in filigree
#include <exception>
#include <functional>
#include <string>

#include "dist/factory.h"

namespace filigree::launch {

struct Failure {
  int exit_code = 4;
  std::string message;
};

Failure explain(const std::exception_ptr& error);

/// Prints the failure and ends the job. Rank 0 prints at once. Other ranks wait a moment first: if all ranks have the
/// failure (a bad recipe), rank 0 alone prints it and ends the others. A failure of another rank alone is printed with
/// its rank and host. Returns the exit code if there are no other processes to end. log: receives the same in one text, with
/// the exit code, on each rank that prints.
int end_job(const Failure& failure, const dist::Environment& environment,
            const std::function<void(const std::string&)>& log = {});

/// For std::set_terminate(): prints an exception that cannot be caught, such as one in a library's thread, like the
/// others.
[[noreturn]] void end_without_a_handler();

}  // namespace filigree::launch
