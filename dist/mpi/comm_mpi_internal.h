#pragma once
// Shared by the comm_mpi*.cpp files only: the one header that includes mpi.h.
#include <ATen/core/Tensor.h>
#include <mpi.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "dist/group.h"
#include "dist/mpi/comm_mpi.h"
#include "dist/phase_watch.h"
#include "dist/roll_call.h"

namespace filigree::dist {

/// Throws CommError with the world rank, the source location, the expression and MPI's error text.
void check_mpi(int code, const char* file, int line, const char* expression);
#define MPI_CHECK(expression) ::filigree::dist::check_mpi((expression), __FILE__, __LINE__, #expression)

/// MPI's text for an error code.
std::string mpi_error_text(int code);

MPI_Datatype mpi_type(at::ScalarType type);

/// MPI's own operations for integers and fp32/fp64 sums. bf16 is summed in fp32; the maximum of floats propagates NaN,
/// so that all ranks get the same result.
class MpiOps {
 public:
  MpiOps();
  void free();
  MPI_Op find(ReduceOp op, at::ScalarType type) const;

 private:
  MPI_Op bf16_sum_ = MPI_OP_NULL, bf16_max_ = MPI_OP_NULL, fp32_max_ = MPI_OP_NULL, fp64_max_ = MPI_OP_NULL;
};

/// Shared by all groups of the process. MPI runs as MPI_THREAD_SERIALIZED: every call is made with `mutex` held.
struct MpiProcess {
  std::timed_mutex mutex;
  int rank = 0, size = 1, local_rank = 0, local_size = 1;
  std::vector<std::string> hosts;  // of each world rank
  std::unique_ptr<MpiOps> ops;
  std::unique_ptr<RollCall> roll_call;
  double deadline = kStartDeadline;     // seconds, for MPI calls that have none
  std::atomic<bool> has_groups{false};  // a communicator was made, so the ranks have worked together
  std::atomic<bool> broken{false};      // a collective has failed: MPI cannot be finalized cleanly

  ~MpiProcess();
};

/// Ends all ranks, even while another thread hangs inside MPI.
[[noreturn]] void abort_mpi(MpiProcess& process, int exit_code);

/// Ends this process with exit code 4 when `phase`, a blocking MPI call, does not complete in time.
PhaseWatch watch_phase(const MpiProcess& process, const std::string& phase);

using MpiLock = std::lock_guard<std::timed_mutex>;

/// Takes ownership of `comm`, which nothing but the roll call uses.
std::unique_ptr<RollCall> make_mpi_roll_call(MpiProcess& process, MPI_Comm comm);

/// One group. Its MPI communicator is freed with the last Work or Communicator that uses it.
struct MpiGroup : Group {
  std::shared_ptr<MpiProcess> process;
  MPI_Comm comm = MPI_COMM_NULL;
  int me = 0;
  int64_t largest_count = INT_MAX;
  std::string failure;  // the first failure: every later call throws it

  ~MpiGroup();
};

/// The group of `comm`'s members, with their ranks and hosts; takes ownership of `comm`.
std::shared_ptr<MpiGroup> make_mpi_group(const std::shared_ptr<MpiProcess>& process, MPI_Comm comm,
                                         const std::string& name, int64_t largest_count);

std::unique_ptr<Communicator> make_mpi_communicator(std::shared_ptr<MpiGroup> group,
                                                    std::chrono::duration<double> deadline);

/// The requests of one operation, with the tensors and count arrays that MPI accesses until they complete.
struct MpiPending {
  std::vector<MPI_Request> requests;
  std::vector<at::Tensor> tensors;
  std::vector<std::vector<int>> counts;
};

class MpiWork : public Work {
 public:
  MpiWork(std::shared_ptr<MpiGroup> group, Operation operation, std::vector<int> awaited, double deadline,
          MpiPending pending);
  ~MpiWork() override;
  bool done() override;
  void wait() override;

 private:
  [[noreturn]] void expire(double seconds);
  [[noreturn]] void fail(int code, const std::vector<MPI_Status>& statuses);
  void release();

  std::shared_ptr<MpiGroup> group_;
  Operation operation_;
  std::vector<int> awaited_;
  double deadline_;
  MpiPending pending_;
  bool done_ = false;
};

/// Waits with back-off: spins for 50 us, then yields, then sleeps for 20 to 100 us, so that ranks that share a core do
/// not starve each other. For a large message it yields longer because MPI makes progress only inside its calls.
class Backoff {
 public:
  explicit Backoff(uint64_t bytes = 0);
  void pause();
  /// Seconds waited. A pause longer than one second (the process was stopped) counts as one second.
  double waited() const { return waited_; }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point last_ = Clock::now();
  double yield_seconds_;
  double waited_ = 0;
  double sleep_us_ = 20;
};

}  // namespace filigree::dist
