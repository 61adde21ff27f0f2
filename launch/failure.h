#pragma once
// What an exception means to the user: a message without a stack, and the exit code of the program's contract.
//   2 usage or recipe   3 data, model, checkpoint or disk   4 a rank or collective, memory, or a fault of filigree
//   itself
#include <exception>
#include <string>

#include "dist/factory.h"

namespace filigree::launch {

struct Failure {
  int exit_code = 4;
  std::string message;
};

Failure explain(const std::exception_ptr& error);

/// Tells it and ends the job. Rank 0 prints at once. Another rank first waits a moment: a fault that all ranks see (a
/// bad recipe) is then told by rank 0 alone, which ends the others; a fault of its own is told with its rank and host.
/// Returns the exit code where there are no other processes to end.
int end_job(const Failure& failure, const dist::Environment& environment);

/// For std::set_terminate(): an exception that nobody can catch, such as one of a thread of a library's, is told like
/// the others.
[[noreturn]] void end_without_a_handler();

}  // namespace filigree::launch
