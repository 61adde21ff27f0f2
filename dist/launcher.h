#pragma once
// What mpirun or srun tells a process in its environment. Before MPI starts, there is no other source.
#include <optional>

namespace filigree::dist {

/// The value of an environment variable; nullopt if it is not set or is not a number.
std::optional<int> environment_number(const char* variable);

/// Whether a launcher of MPI started this process.
bool started_by_launcher();

/// The rank of this process among all; nullopt without a launcher.
std::optional<int> launched_rank();

/// The number of processes; 1 if the launcher does not report one.
int launched_ranks();

}  // namespace filigree::dist
