#pragma once
// The variables that mpirun and srun set in the environment of a process: the only source before MPI starts.
#include <optional>

namespace filigree::dist {

/// The value of an environment variable; nullopt if it is not set or is not a number.
std::optional<int> environment_number(const char* variable);

/// Whether a launcher of MPI started this process. A plain run must not pay for MPI_Init.
bool started_by_launcher();

/// The rank of this process among all; nullopt without a launcher.
std::optional<int> launched_rank();

/// The number of processes; 1 if the launcher does not report one.
int launched_ranks();

}  // namespace filigree::dist
