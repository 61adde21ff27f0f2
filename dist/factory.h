#pragma once
// The one place that chooses a backend.
#include <functional>
#include <memory>
#include <string>

#include "dist/communicator.h"
#include "dist/phase_watch.h"

namespace filigree::dist {

/// The program's environment. It initializes MPI if the program was started under mpirun or srun, and finalizes it.
/// One per process, made in main() and passed down; it outlives the try block whose errors end the job. The destructor
/// waits for all ranks, up to the deadline.
class Environment {
 public:
  /// start_s: how long to wait for the other ranks to start; after that, this process ends with exit code 4.
  Environment(int* argc, char*** argv, double start_s = kStartDeadline);
  ~Environment();
  Environment(const Environment&) = delete;

  int world_size() const;
  int world_rank() const;
  int local_rank() const;  ///< rank among the ranks of this host: chooses the CUDA device
  int local_size() const;  ///< ranks on this host

  /// backend: "auto" (single for one rank; nccl on a CUDA device; else mpi), "single", "mpi", "nccl".
  /// Throws CommError when this build lacks it; the message explains how to build it in. "auto" uses mpi for CUDA
  /// tensors (copied through the CPU) when a host has more ranks than devices, or the build lacks nccl. With nccl, CPU
  /// tensors are sent over mpi.
  std::unique_ptr<Communicator> world(const std::string& backend, bool cuda, double deadline_s) const;

  /// Why this process cannot use a backend of world(), and what to do; "" if it can.
  std::string why_not(const std::string& backend) const;

  /// All ranks of the job, independent of their recipes: over MPI, or a single rank. Used for what ranks must agree on
  /// before they choose a backend. The first call is collective.
  Communicator& control(double deadline_s) const;

  /// Ends all ranks after one failed. Prints nothing; does not return when there are other processes.
  void abort(int exit_code) const;

  /// Handles a CommError: prints it on stderr, unless another rank does, and ends all ranks with exit code 4. Must be
  /// called before the Environment is destroyed.
  [[noreturn]] void fail(const CommError& error) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// One rank, for a process or an axis of the mesh that has no other. Collectives return at once; nothing is sent.
std::unique_ptr<Communicator> make_single(const std::string& name = "world");

/// Runs body(communicator) on `ranks` threads. The first exception is rethrown after all threads have ended; in the
/// other threads, pending collectives throw a CommError that names the failed rank.
void run_threads(int ranks, const std::function<void(Communicator&)>& body, double deadline_s = 60);

/// CUDA devices that this process sees; 0 without a GPU, its driver or a CUDA LibTorch.
int cuda_devices();

/// NCCL_MULTI_RANK_GPU_ENABLE=1: several ranks may use one device. NCCL before 2.32 rejects this with an error.
bool nccl_shares_devices();

/// The backends of this build ("mpi", "nccl", ...), for `--version` and messages.
std::vector<std::string> available_backends();

}  // namespace filigree::dist
