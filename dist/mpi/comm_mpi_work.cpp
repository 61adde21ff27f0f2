// A pending MPI operation and the loop that drives it under a deadline.
#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <exception>
#include <thread>
#include <utility>

#include "dist/mpi/comm_mpi_internal.h"

namespace filigree::dist {
namespace {

constexpr double kSpinSeconds = 50e-6;
constexpr double kYieldSeconds = 1e-3;
constexpr double kYieldSecondsPerByte = 4e-9;  // assumes 250 MB/s
constexpr double kLongestSleepUs = 100;
constexpr double kServeSeconds = 0.02;  // how often a waiting rank looks for roll calls

// Left behind by an exception: MPI may still write to these tensors, so they live as long as the process.
std::vector<MpiPending>& abandoned() {
  static auto* list = new std::vector<MpiPending>;
  return *list;
}

}  // namespace

Backoff::Backoff(uint64_t bytes) : yield_seconds_(kYieldSeconds + kYieldSecondsPerByte * static_cast<double>(bytes)) {}

void Backoff::pause() {
  if (waited_ > yield_seconds_) {
    std::this_thread::sleep_for(std::chrono::duration<double, std::micro>(sleep_us_));
    sleep_us_ = std::min(sleep_us_ * 1.25, kLongestSleepUs);
  } else if (waited_ > kSpinSeconds) {
    sched_yield();
  }
  const Clock::time_point now = Clock::now();
  waited_ += std::min(std::chrono::duration<double>(now - last_).count(), 1.0);
  last_ = now;
}

MpiWork::MpiWork(std::shared_ptr<MpiGroup> group, Operation operation, std::vector<int> awaited, double deadline,
                 MpiPending pending)
    : group_(std::move(group)),
      operation_(std::move(operation)),
      awaited_(std::move(awaited)),
      deadline_(deadline),
      pending_(std::move(pending)) {}

MpiWork::~MpiWork() {
  if (!done_ && std::uncaught_exceptions() == 0) {
    try {
      wait();
    } catch (const CommError&) {  // MpiGroup::failure keeps it for the next call
    }
  }
  if (!done_) release();
}

bool MpiWork::done() {
  if (done_) return true;
  if (!group_->failure.empty()) throw CommError(group_->failure, true);
  MpiLock lock(group_->process->mutex);
  int flag = 0;
  std::vector<MPI_Status> statuses(pending_.requests.size());
  const int code = MPI_Testall(static_cast<int>(statuses.size()), pending_.requests.data(), &flag, statuses.data());
  if (code != MPI_SUCCESS) fail(code, statuses);
  done_ = flag != 0;
  if (done_) pending_ = {};
  return done_;
}

void MpiWork::wait() {
  if (done()) return;
  RollCall& roll_call = *group_->process->roll_call;
  Waiting waiting(roll_call, operation_);
  Backoff backoff(operation_.bytes);
  double limit = deadline_, next_serve = kServeSeconds;
  bool called = false;
  while (!done()) {
    if (backoff.waited() > limit) expire(limit);
    backoff.pause();
    if (backoff.waited() < next_serve) continue;
    next_serve = backoff.waited() + kServeSeconds;
    if (roll_call.serve() && !called) {
      // Another rank's deadline has passed, and that rank ends the job. If it fails to, this rank does, a little later.
      called = true;
      limit = std::min(limit, backoff.waited() + 2 * roll_call_seconds(deadline_));
    }
  }
}

void MpiWork::expire(double seconds) {
  std::vector<int> whom;
  for (int member : awaited_) whom.push_back(group_->ranks[static_cast<size_t>(member)]);
  const RollCall::Answers answers = group_->process->roll_call->ask(whom, operation_, roll_call_seconds(deadline_));
  group_->failure = deadline_message(*group_, group_->me, operation_, seconds, awaited_, answers.where);
  throw CommError(group_->failure, !answers.first);
}

// MPI noticed before any deadline, e.g. a message longer than its receiver expected or a broken connection.
void MpiWork::fail(int code, const std::vector<MPI_Status>& statuses) {
  std::string why = mpi_error_text(code);
  for (const MPI_Status& status : statuses) {
    if (code != MPI_ERR_IN_STATUS || status.MPI_ERROR == MPI_SUCCESS || status.MPI_ERROR == MPI_ERR_PENDING) continue;
    why = mpi_error_text(status.MPI_ERROR);
    break;
  }
  group_->process->broken = true;
  group_->failure = failure_message(*group_, group_->me, operation_, why);
  throw CommError(group_->failure);
}

void MpiWork::release() {
  group_->process->broken = true;
  MpiLock lock(group_->process->mutex);
  abandoned().push_back(std::move(pending_));
}

}  // namespace filigree::dist
