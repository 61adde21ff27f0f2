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

#include "dist/comm_mpi.h"
#include "dist/group.h"
#include "dist/phase_watch.h"
#include "dist/roll_call.h"

namespace filigree::dist {

/// Throws CommError with the world rank, the place, the expression and MPI's own words.
void check_mpi(int code, const char* file, int line, const char* expression);
#define MPI_CHECK(expression) ::filigree::dist::check_mpi((expression), __FILE__, __LINE__, #expression)

/// MPI's words for an error code.
std::string mpi_error_text(int code);

MPI_Datatype mpi_type(at::ScalarType type);

/// MPI's own operations for integers and fp32/fp64 sums. bf16 is summed in fp32; the maximum of floats passes NaN on,
/// so that all ranks get the same.
class MpiOps {
 public:
  MpiOps();
  void free();
  MPI_Op find(ReduceOp op, at::ScalarType type) const;

 private:
  MPI_Op bf16_sum_ = MPI_OP_NULL, bf16_max_ = MPI_OP_NULL, fp32_max_ = MPI_OP_NULL, fp64_max_ = MPI_OP_NULL;
};

/// What all groups of the process share. MPI runs as MPI_THREAD_SERIALIZED: every call is made with `mutex` held.
struct MpiProcess {
  std::timed_mutex mutex;
  int rank = 0, size = 1, local_rank = 0, local_size = 1;
  std::vector<std::string> hosts;  // of each world rank
  std::unique_ptr<MpiOps> ops;
  std::unique_ptr<RollCall> roll_call;
  double deadline = kStartDeadline;     // seconds, for the calls of MPI that keep none
  std::atomic<bool> has_groups{false};  // a communicator was made, so that the ranks have worked together
  std::atomic<bool> broken{false};      // a collective has failed: MPI can no longer be finalised in good order

  ~MpiProcess();
};

/// Ends all ranks, even while another thread hangs inside MPI.
[[noreturn]] void abort_mpi(MpiProcess& process, int exit_code);

/// Ends this process with exit code 4 when `phase`, a blocking call of MPI, is not over in time.
PhaseWatch watch_phase(const MpiProcess& process, const std::string& phase);

using MpiLock = std::lock_guard<std::timed_mutex>;

/// `comm` is a communicator of its own, given over to the roll call.
std::unique_ptr<RollCall> make_mpi_roll_call(MpiProcess& process, MPI_Comm comm);

/// One group: its communicator, freed with the last Work or Communicator that uses it.
struct MpiGroup : Group {
  std::shared_ptr<MpiProcess> process;
  MPI_Comm comm = MPI_COMM_NULL;
  int me = 0;
  int64_t largest_count = INT_MAX;
  std::string failure;  // the first failure: every later call throws it

  ~MpiGroup();
};

/// Ranks and hosts of `comm`'s members; takes comm over.
std::shared_ptr<MpiGroup> make_mpi_group(const std::shared_ptr<MpiProcess>& process, MPI_Comm comm,
                                         const std::string& name, int64_t largest_count);

std::unique_ptr<Communicator> make_mpi_communicator(std::shared_ptr<MpiGroup> group,
                                                    std::chrono::duration<double> deadline);

/// Requests of one operation, with the tensors and arrays of counts that MPI reads and writes until they are done.
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

/// Waits ever more patiently: spins for 50 us, then yields, then sleeps for 20 to 100 us, so that ranks that share a
/// core do not starve each other. A large message is yielded for longer: MPI moves it on in each call only.
class Backoff {
 public:
  explicit Backoff(uint64_t bytes = 0);
  void pause();
  /// Seconds waited. A pause much longer than asked for (the process was stopped) counts as one second.
  double waited() const { return waited_; }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point last_ = Clock::now();
  double yield_seconds_;
  double waited_ = 0;
  double sleep_us_ = 20;
};

}  // namespace filigree::dist
