#pragma once
// The one place that chooses a backend.
#include <functional>
#include <memory>
#include <string>

#include "dist/communicator.h"
#include "dist/phase_watch.h"

namespace filigree::dist {

/// The program's environment: MPI is initialised here (when started under mpirun or srun) and finalised with it.
/// One per process, made in main() and passed down; outlives the try block whose errors end the job. Its end waits for
/// all ranks, up to the deadline.
class Environment {
 public:
  /// start_s: how long to wait for the other ranks to start; then this process ends with exit code 4.
  Environment(int* argc, char*** argv, double start_s = kStartDeadline);
  ~Environment();
  Environment(const Environment&) = delete;

  int world_size() const;
  int world_rank() const;
  int local_rank() const;  ///< rank among the ranks of this host: chooses the CUDA device
  int local_size() const;  ///< ranks on this host

  /// backend: "auto" (single for one rank; nccl on a CUDA device; else mpi), "single", "mpi", "nccl".
  /// Throws CommError when this build lacks it, saying how to build it in. "auto" takes mpi for CUDA tensors (copied
  /// through the CPU) when a host has more ranks than devices, or the build lacks nccl. With nccl, CPU tensors go over
  /// mpi.
  std::unique_ptr<Communicator> world(const std::string& backend, bool cuda, double deadline_s) const;

  /// All ranks of the job, whatever their recipes say: over MPI, or alone. For what they must agree on before they
  /// choose a backend. The first call is collective.
  Communicator& control(double deadline_s) const;

  /// A failed rank ends all ranks: prints nothing, does not return when there are other processes.
  void abort(int exit_code) const;

  /// What main() does with a CommError: prints it on stderr, unless another rank does so, and ends all ranks with exit
  /// code
  /// 4. Must be called before the Environment is destroyed.
  [[noreturn]] void fail(const CommError& error) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

std::unique_ptr<Communicator> make_single();

/// Runs body(communicator) on `ranks` threads. The first exception is rethrown after all threads have ended; the others
/// are woken from their collectives with a CommError that names the failed rank.
void run_threads(int ranks, const std::function<void(Communicator&)>& body, double deadline_s = 60);

/// CUDA devices that this process sees; 0 without a GPU, its driver or a CUDA LibTorch.
int cuda_devices();

/// NCCL_MULTI_RANK_GPU_ENABLE=1: several ranks may use one device. An NCCL before 2.32 refuses that with a message.
bool nccl_shares_devices();

/// "mpi", "nccl", … as this build has them, for `--version` and messages.
std::vector<std::string> available_backends();

}  // namespace filigree::dist
