#pragma once
// Communication between ranks. A Communicator is one group of ranks (one axis of the mesh). Every backend keeps the
// whole contract: single (one rank), threads (N ranks as threads of one process, for tests), mpi and nccl.
//
// Contract, held by tests/dist/contract_test.cpp over every backend:
//  - Tensors are contiguous. Type and shape are the same on all ranks, except dim 0 in the ragged gather. Operations
//    are in place where noted.
//  - Tensors may be on any device, of the same kind on all ranks. mpi copies CUDA tensors through the CPU; nccl sends
//    CPU tensors over mpi. So callers pass a tensor from where it is and never ask for the backend.
//  - Every rank calls the same collectives in the same order. An async call returns a Work; the tensor may neither be
//    read nor written until wait() has returned. Works may be waited for in any order.
//  - A collective that does not complete within deadline() throws a CommError that names the missing ranks, their
//    hosts, the operation, its sequence number and the seconds waited. A collective that a build lacks is an error,
//    never a no-op.
//  - traffic() counts the bytes of the input tensors per operation in this group. A group of one rank counts its calls
//    with 0 bytes because nothing is sent. A recv counts 0 bytes because its sender has counted them.
//  - A send may block until its tensor is received: order sends and receives so that they cannot deadlock.
//  - The result of a sum is bit-identical on all ranks, and from run to run with the same number of ranks.
#include <ATen/core/Tensor.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace filigree::dist {

enum class ReduceOp { sum, max };

/// A rank or collective failed: exit code 4. The communicator, and usually the job, is unusable afterwards.
class CommError : public std::runtime_error {
 public:
  explicit CommError(const std::string& message, bool reported_elsewhere = false)
      : std::runtime_error(message), reported_elsewhere_(reported_elsewhere) {}
  /// Another rank has the same failure and prints it, so this rank does not have to.
  bool reported_elsewhere() const { return reported_elsewhere_; }

 private:
  bool reported_elsewhere_;
};

/// The ranks cannot work together here: started without a launcher, or with that of another MPI, or the build lacks it.
struct StartError : CommError {
  using CommError::CommError;
};

/// A pending collective. The destructor of an unfinished Work waits, unless an exception unwinds it: then it detaches
/// from the collective and keeps the tensor alive.
class Work {
 public:
  virtual ~Work() = default;
  virtual bool done() = 0;  ///< makes progress; never blocks
  virtual void wait() = 0;  ///< blocks up to the deadline; throws CommError
};
using WorkPtr = std::shared_ptr<Work>;

struct Traffic {
  uint64_t calls = 0;
  uint64_t bytes = 0;
};

class Communicator {
 public:
  virtual ~Communicator() = default;

  virtual int rank() const = 0;
  virtual int size() const = 0;
  virtual std::string backend() const = 0;                    ///< "single", "threads", "mpi", "nccl"; for logs
  virtual std::string name() const = 0;                       ///< "world", "dp", ... for messages
  virtual const std::vector<std::string>& hosts() const = 0;  ///< host of each rank

  /// In place, fp32/fp64/bf16/int64/int32/uint8.
  WorkPtr all_reduce_async(at::Tensor tensor, ReduceOp op = ReduceOp::sum);
  void all_reduce(at::Tensor tensor, ReduceOp op = ReduceOp::sum) { all_reduce_async(std::move(tensor), op)->wait(); }

  /// The tensors of all ranks (same shape), concatenated along dim 0 in rank order.
  at::Tensor all_gather(const at::Tensor& tensor);
  /// The same into `out`, which has size() times as many rows.
  WorkPtr all_gather_async(const at::Tensor& tensor, at::Tensor out);
  /// Dim 0 may differ (0 allowed); the other dims are the same.
  std::vector<at::Tensor> all_gather_ragged(const at::Tensor& tensor);
  /// Dim 0 is a multiple of size(); returns this rank's summed part.
  at::Tensor reduce_scatter(const at::Tensor& tensor);
  /// In place, from root.
  void broadcast(at::Tensor tensor, int root = 0);
  /// Bytes of any length from root (its length is sent first).
  std::string broadcast_text(const std::string& text, int root = 0);
  /// The bytes of every rank, of any length, in rank order.
  std::vector<std::string> all_gather_text(const std::string& text);
  void send(const at::Tensor& tensor, int to);
  void recv(at::Tensor tensor, int from);
  void barrier();

  /// Ranks with the same `colour` form a group, ordered by `key`, then by rank. Collective.
  virtual std::unique_ptr<Communicator> split(int colour, int key, const std::string& name) = 0;

  /// Ends the whole job immediately with this exit code; does not return on backends with other processes.
  virtual void abort(int exit_code) = 0;

  std::chrono::duration<double> deadline() const { return deadline_; }
  void set_deadline(std::chrono::duration<double> deadline) { deadline_ = deadline; }

  const std::map<std::string, Traffic>& traffic() const { return traffic_; }  ///< by operation
  uint64_t bytes_sent() const;                                                ///< sum over the operations

  /// Bytes by the phase that a PhaseScope set while they were sent, "other" without one.
  const std::map<std::string, uint64_t>& bytes_by_phase() const { return bytes_by_phase_; }

 protected:
  virtual WorkPtr do_all_reduce(at::Tensor tensor, ReduceOp op) = 0;
  virtual WorkPtr do_all_gather(const at::Tensor& in, at::Tensor out) = 0;
  virtual std::vector<at::Tensor> do_all_gather_ragged(const at::Tensor& in, const std::vector<int64_t>& rows) = 0;
  virtual void do_reduce_scatter(const at::Tensor& in, at::Tensor out) = 0;
  virtual void do_broadcast(at::Tensor tensor, int root) = 0;
  virtual void do_send(const at::Tensor& tensor, int to) = 0;
  virtual void do_recv(at::Tensor tensor, int from) = 0;
  virtual void do_barrier() = 0;
  /// Whether the backend accesses tensors on this device directly. Others are copied to the CPU and back.
  virtual bool takes(at::Device device) const { return device.is_cpu(); }

 private:
  at::Tensor staged(const at::Tensor& tensor) const;  ///< the tensor itself, or its copy on the CPU
  std::vector<int64_t> gather_rows(int64_t rows);
  void check_peer(const char* operation, int peer) const;
  void count(const char* operation, int64_t bytes);
  friend class PhaseScope;
  std::map<std::string, Traffic> traffic_;
  std::map<std::string, uint64_t> bytes_by_phase_;
  std::string phase_ = "other";
  std::chrono::duration<double> deadline_ = std::chrono::seconds(600);
};

/// While it lives, the communicator counts its bytes under this phase: "forward", "backward", "gradients".
class PhaseScope {
 public:
  PhaseScope(Communicator& communicator, std::string phase) : communicator_(communicator) {
    std::swap(communicator_.phase_, phase);
    before_ = std::move(phase);
  }
  ~PhaseScope() { communicator_.phase_ = std::move(before_); }
  PhaseScope(const PhaseScope&) = delete;

 private:
  Communicator& communicator_;
  std::string before_;
};

}  // namespace filigree::dist
