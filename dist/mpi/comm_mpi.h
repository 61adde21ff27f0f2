#pragma once
// The MPI interface for the rest of dist/: it has no MPI types, and a build without MPI has the same functions.
#include <climits>
#include <cstdint>
#include <memory>

#include "dist/communicator.h"
#include "dist/phase_watch.h"
#include "dist/roll_call.h"

namespace filigree::dist {

/// MPI in this process: initialized when made, finalized with the last group that uses it. One per process.
class MpiRuntime {
 public:
  virtual ~MpiRuntime() = default;
  virtual int world_size() const = 0;
  virtual int world_rank() const = 0;
  virtual int local_rank() const = 0;
  virtual int local_size() const = 0;  ///< ranks on this host

  /// A group of all ranks. Messages of more than `largest_count` elements are split because MPI counts are ints.
  virtual std::unique_ptr<Communicator> world(const std::string& name, double deadline_s,
                                              int64_t largest_count = INT_MAX) = 0;
  virtual RollCall& roll_call() = 0;
  [[noreturn]] virtual void abort(int exit_code) = 0;
};

/// Waits for all ranks for up to `deadline_s`; after that, the process reports it and ends with exit code 4. The end of
/// MPI has the same deadline, or that of the latest world(). Throws CommError in a build without MPI.
std::shared_ptr<MpiRuntime> start_mpi(int* argc, char*** argv, double deadline_s = kStartDeadline);

}  // namespace filigree::dist
