#pragma once
// Work that rank 0 does for all ranks, such as writing files. If it fails, every rank throws, so that no rank waits for
// one that has exited. Collective.
#include <functional>
#include <string>

#include "dist/communicator.h"

namespace filigree::train {

/// Runs body on rank 0; every rank returns when it is done. If body throws, rank 0 throws the same exception. The other
/// ranks throw the same UsageError or DataError (a DataError for a filesystem_error), and a CommError "rank 0 failed:
/// ..." for any other exception. CommError if rank 0 sent something else.
void on_rank_zero(dist::Communicator& world, const std::function<void()>& body);

/// Throws the UsageError or DataError with this exit code.
[[noreturn]] void throw_user_error(int exit_code, const std::string& message);

}  // namespace filigree::train
