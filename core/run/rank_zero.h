#pragma once
// Work that rank 0 does for all ranks, such as writing files. A user error on rank 0 is thrown on every rank,
// so that no rank waits for one that has exited. Collective.
#include <functional>
#include <string>

#include "core/run/session.h"

namespace filigree::train {

/// Runs body on rank 0; every rank returns when it is done, or throws the same UsageError or DataError.
/// CommError if rank 0 sent something else.
void on_rank_zero(dist::Communicator& world, const std::function<void()>& body);
void on_rank_zero(Session& session, const std::function<void()>& body);

/// Throws the UsageError or DataError with this exit code.
[[noreturn]] void throw_user_error(int exit_code, const std::string& message);

}  // namespace filigree::train
