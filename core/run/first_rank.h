#pragma once
// Work that rank 0 does for all, such as writing files: a user's error on it becomes every rank's, so that no rank
// waits for one that has left. Collective.
#include <functional>
#include <string>

#include "core/run/session.h"

namespace filigree::train {

/// Runs body on rank 0; every rank returns when it is done, or throws the same UsageError or DataError. CommError when
/// rank 0 has sent something else.
void on_first_rank(dist::Communicator& world, const std::function<void()>& body);
void on_first_rank(Session& session, const std::function<void()>& body);

/// Throws the UsageError or DataError of this exit code.
[[noreturn]] void throw_user_error(int exit_code, const std::string& message);

}  // namespace filigree::train
