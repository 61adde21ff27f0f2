#pragma once
// Shared by the comm_nccl*.cpp files only: the one header that includes nccl.h and CUDA's.
#include <ATen/core/Tensor.h>
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>
#include <nccl.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "dist/communicator.h"
#include "dist/group.h"
#include "dist/roll_call.h"

namespace filigree::dist {

/// Throw CommError with the rank, the source location, the expression and the library's error text.
void check_nccl(ncclResult_t code, const std::string& who, const char* file, int line, const char* expression);
void check_cuda(cudaError_t code, const std::string& who, const char* file, int line, const char* expression);
#define NCCL_CHECK(who, expression) ::filigree::dist::check_nccl((expression), (who), __FILE__, __LINE__, #expression)
#define CUDA_CHECK(who, expression) ::filigree::dist::check_cuda((expression), (who), __FILE__, __LINE__, #expression)

/// An event without timing, recorded once.
class CudaEvent {
 public:
  CudaEvent();
  ~CudaEvent();
  CudaEvent(const CudaEvent&) = delete;
  void record(cudaStream_t stream);
  void block(cudaStream_t stream) const;  ///< work queued on `stream` from now on waits for the event
  bool passed() const;

 private:
  cudaEvent_t event_ = nullptr;
};

/// One collective on the device.
struct NcclFlight {
  Operation operation;
  std::vector<at::Tensor> tensors;  // stay allocated until the collective has ended
  std::vector<int> awaited;
  double deadline = 0;
  CudaEvent ready;  // the compute stream has written the tensors
  CudaEvent end;
  bool begun = false;  // ready has passed: the deadline runs from `since`
  bool entered = false;
  std::chrono::steady_clock::time_point since;
};

/// One NCCL communicator with its stream and its watchdog thread.
///
/// The host never waits for the device here: collectives run on a separate stream, which waits for an event of the
/// compute stream, and Work::wait() makes the compute stream wait for the end of the collective. Therefore another
/// thread must enforce deadlines. The watchdog checks for asynchronous errors and overdue collectives, calls the roll,
/// and aborts the communicator, which releases every stream that waits for it. The next call then throws.
class NcclGroup {
 public:
  NcclGroup(Group group, int me, int device, const ncclUniqueId& id, double deadline, RollCall& roll_call);
  ~NcclGroup();
  NcclGroup(const NcclGroup&) = delete;

  using Launch = std::function<ncclResult_t(ncclComm_t, cudaStream_t)>;
  std::shared_ptr<NcclFlight> start(Operation operation, std::vector<at::Tensor> tensors, std::vector<int> awaited,
                                    double deadline, const Launch& launch);
  void throw_if_failed();

  const Group& group() const { return group_; }
  int me() const { return me_; }
  int device() const { return device_; }

 private:
  void settle(ncclResult_t code, double deadline, const char* what);
  void watch();
  void retire();
  void look_for_overdue(bool called);
  void overdue(const NcclFlight& flight, double seconds);
  void fail(const std::string& why, bool reported_elsewhere);

  Group group_;
  int me_;
  int device_;
  RollCall& roll_call_;
  c10::cuda::CUDAStream stream_;
  ncclComm_t comm_ = nullptr;
  std::mutex mutex_;  // guards everything below, and NCCL calls on comm_
  std::deque<std::shared_ptr<NcclFlight>> flights_;
  std::string failure_;
  bool reported_elsewhere_ = false;
  bool stopping_ = false;
  std::condition_variable stop_;
  std::thread watchdog_;
};

}  // namespace filigree::dist
