// Waiting for a collective between threads: done, overdue, or impossible.
#include <exception>
#include <utility>

#include "dist/threads/comm_threads_internal.h"

namespace filigree::dist {

ThreadWork::ThreadWork(Member member, std::shared_ptr<Slot> slot, Operation operation, double deadline)
    : member_(std::move(member)), slot_(std::move(slot)), operation_(std::move(operation)), deadline_(deadline) {}

ThreadWork::~ThreadWork() {
  if (std::uncaught_exceptions() > 0) return;
  try {
    wait();
  } catch (const CommError&) {  // Job::failure keeps it for the next call
  }
}

bool ThreadWork::done() {
  std::lock_guard lock(member_.job->mutex);
  return slot_->done;
}

void ThreadWork::wait() {
  Job& job = *member_.job;
  std::unique_lock lock(job.mutex);
  const int world_rank = member_.group->ranks[static_cast<size_t>(member_.rank)];
  job.waiting[world_rank] = operation_;
  const bool in_time = job.changed.wait_for(lock, std::chrono::duration<double>(deadline_), [&] { return settled(); });
  // A rank that gave up still counts as waiting, so that the others' messages do not list it as missing.
  if (!slot_->done && !in_time) expire();
  if (!slot_->done) give_up();
  job.waiting.erase(world_rank);
}

bool ThreadWork::settled() const { return slot_->done || !member_.job->failure.empty() || gone() >= 0; }

// A member that has ended without joining the collective, or -1.
int ThreadWork::gone() const {
  for (int member : slot_->members) {
    const bool came = slot_->here.contains(member);
    if (!came && member_.job->ended.contains(member_.group->ranks[static_cast<size_t>(member)])) return member;
  }
  return -1;
}

void ThreadWork::expire() {
  std::vector<int> awaited;
  RollCallAnswers answers = member_.job->waiting;
  for (int member : slot_->members) {
    if (member == member_.rank) continue;
    awaited.push_back(member);
    if (slot_->here.contains(member)) answers[member_.group->ranks[static_cast<size_t>(member)]] = operation_;
  }
  const std::string message = deadline_message(*member_.group, member_.rank, operation_, deadline_, awaited, answers);
  member_.job->fail(message);
  throw CommError(message);
}

void ThreadWork::give_up() {
  Job& job = *member_.job;
  if (job.failure.empty()) {
    job.fail(failure_message(*member_.group, member_.rank, operation_, member_.group->who(gone()) + " has ended"));
    throw CommError(job.failure);
  }
  throw CommError(failure_message(*member_.group, member_.rank, operation_, job.failure), true);
}

}  // namespace filigree::dist
