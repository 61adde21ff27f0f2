// An NCCL communicator with a watchdog.
#include <c10/cuda/CUDAGuard.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <utility>

#include "dist/nccl/comm_nccl_internal.h"

namespace filigree::dist {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kWatchPeriod = std::chrono::milliseconds(20);
constexpr double kSlowSeconds = 0.1;  // older collectives count as waiting in the roll call

double seconds_since(Clock::time_point time) { return std::chrono::duration<double>(Clock::now() - time).count(); }

std::string place(const std::string& who, const char* file, int line, const char* expression, const char* words) {
  const char* base = std::strrchr(file, '/');
  return fmt::format("{}: {}:{}: {}: {}", who, base ? base + 1 : file, line, expression, words);
}

}  // namespace

void check_nccl(ncclResult_t code, const std::string& who, const char* file, int line, const char* expression) {
  if (code == ncclSuccess) return;
  const std::string words = fmt::format("{} ({})", ncclGetErrorString(code), ncclGetLastError(nullptr));
  throw CommError(place(who, file, line, expression, words.c_str()));
}

void check_cuda(cudaError_t code, const std::string& who, const char* file, int line, const char* expression) {
  if (code == cudaSuccess) return;
  throw CommError(place(who, file, line, expression, cudaGetErrorString(code)));
}

CudaEvent::CudaEvent() { CUDA_CHECK("cuda", cudaEventCreateWithFlags(&event_, cudaEventDisableTiming)); }
CudaEvent::~CudaEvent() { cudaEventDestroy(event_); }
void CudaEvent::record(cudaStream_t stream) { CUDA_CHECK("cuda", cudaEventRecord(event_, stream)); }
void CudaEvent::block(cudaStream_t stream) const { CUDA_CHECK("cuda", cudaStreamWaitEvent(stream, event_, 0)); }

bool CudaEvent::passed() const {
  const cudaError_t code = cudaEventQuery(event_);
  if (code == cudaErrorNotReady) {
    cudaGetLastError();  // "not ready" is not an error: clear it for the next check
    return false;
  }
  CUDA_CHECK("cuda", code);
  return true;
}

NcclGroup::NcclGroup(Group group, int me, int device, const ncclUniqueId& id, double deadline, RollCall& roll_call)
    : group_(std::move(group)),
      me_(me),
      device_(device),
      roll_call_(roll_call),
      stream_(c10::cuda::getStreamFromPool(/*isHighPriority=*/true, static_cast<c10::DeviceIndex>(device))) {
  const c10::cuda::CUDAGuard guard(static_cast<c10::DeviceIndex>(device_));
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = 0;  // calls return at once and are polled, so that a missing rank cannot block them forever
  settle(ncclCommInitRankConfig(&comm_, group_.size(), id, me_, &config), deadline, "ncclCommInitRankConfig");
  watchdog_ = std::thread([this] { watch(); });
}

NcclGroup::~NcclGroup() {
  // The watchdog keeps running meanwhile: it frees the stream if a collective on it never ends.
  if (std::uncaught_exceptions() == 0) cudaStreamSynchronize(stream_.stream());
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stop_.notify_all();
  watchdog_.join();
  for (const auto& flight : flights_) {
    if (flight->entered) roll_call_.leave(&flight->operation);
  }
  if (comm_ == nullptr) return;
  if (flights_.empty()) {
    ncclCommDestroy(comm_);
  } else {
    ncclCommAbort(comm_);
  }
}

std::shared_ptr<NcclFlight> NcclGroup::start(Operation operation, std::vector<at::Tensor> tensors,
                                             std::vector<int> awaited, double deadline, const Launch& launch) {
  throw_if_failed();
  const c10::cuda::CUDAGuard guard(static_cast<c10::DeviceIndex>(device_));
  auto flight = std::make_shared<NcclFlight>();
  flight->operation = std::move(operation);
  flight->tensors = std::move(tensors);
  flight->awaited = std::move(awaited);
  flight->deadline = deadline;
  std::lock_guard lock(mutex_);
  // 1. Record when the compute stream has produced the tensors. 2. Our stream waits for that event. 3. Record the end,
  // for Work::wait(). The host never waits.
  flight->ready.record(c10::cuda::getCurrentCUDAStream(static_cast<c10::DeviceIndex>(device_)).stream());
  flight->ready.block(stream_.stream());
  settle(launch(comm_, stream_.stream()), deadline, flight->operation.name.c_str());
  flight->end.record(stream_.stream());
  flights_.push_back(flight);
  return flight;
}

void NcclGroup::throw_if_failed() {
  std::lock_guard lock(mutex_);
  if (!failure_.empty()) throw CommError(failure_, std::exchange(reported_elsewhere_, true));
}

// NCCL runs a non-blocking call in the background: poll until it completes. (The device's work comes later.)
void NcclGroup::settle(ncclResult_t code, double deadline, const char* what) {
  const Clock::time_point start = Clock::now();
  while (code == ncclInProgress) {
    if (seconds_since(start) > deadline) {
      const Operation operation{what, group_.name, 0, 0, {}};
      const auto answers = roll_call_.ask(group_.ranks, operation, roll_call_seconds(deadline));
      fail(deadline_message(group_, me_, operation, seconds_since(start), others(group_, me_), answers.where),
           !answers.first);
      throw CommError(failure_, reported_elsewhere_);
    }
    std::this_thread::sleep_for(std::chrono::microseconds(20));
    NCCL_CHECK(group_.who(me_), ncclCommGetAsyncError(comm_, &code));
  }
  NCCL_CHECK(group_.who(me_) + ": " + what, code);
}

void NcclGroup::watch() {
  const c10::cuda::CUDAGuard guard(static_cast<c10::DeviceIndex>(device_));
  std::unique_lock lock(mutex_);
  while (!stop_.wait_for(lock, kWatchPeriod, [this] { return stopping_; })) {
    if (!failure_.empty()) continue;
    try {
      ncclResult_t code = ncclSuccess;
      NCCL_CHECK(group_.who(me_), ncclCommGetAsyncError(comm_, &code));
      NCCL_CHECK(group_.who(me_) + ": asynchronous error", code == ncclInProgress ? ncclSuccess : code);
      retire();
      look_for_overdue(roll_call_.serve());
    } catch (const CommError& error) {
      fail(error.what(), false);
    }
  }
}

// Releases the collectives that have ended.
void NcclGroup::retire() {
  while (!flights_.empty() && flights_.front()->end.passed()) {
    if (flights_.front()->entered) roll_call_.leave(&flights_.front()->operation);
    flights_.pop_front();
  }
}

void NcclGroup::look_for_overdue(bool called) {
  if (flights_.empty()) return;
  NcclFlight& flight = *flights_.front();
  if (!flight.begun && flight.ready.passed()) {
    flight.begun = true;
    flight.since = Clock::now();
  }
  if (!flight.begun) return;
  const double waited = seconds_since(flight.since);
  if (!flight.entered && waited > kSlowSeconds) {
    roll_call_.enter(&flight.operation);
    flight.entered = true;
  }
  // When another rank's deadline has passed, the job is about to end: do not wait for this rank's deadline.
  const double limit = called ? std::min(flight.deadline, 2 * roll_call_seconds(flight.deadline)) : flight.deadline;
  if (waited > limit) overdue(flight, waited);
}

void NcclGroup::overdue(const NcclFlight& flight, double seconds) {
  std::vector<int> whom;
  for (int member : flight.awaited) whom.push_back(group_.ranks[static_cast<size_t>(member)]);
  const auto answers = roll_call_.ask(whom, flight.operation, roll_call_seconds(flight.deadline));
  fail(deadline_message(group_, me_, flight.operation, seconds, flight.awaited, answers.where), !answers.first);
}

void NcclGroup::fail(const std::string& why, bool reported_elsewhere) {
  failure_ = why;
  reported_elsewhere_ = reported_elsewhere;
  if (comm_ != nullptr) ncclCommAbort(comm_);
  comm_ = nullptr;
}

}  // namespace filigree::dist
