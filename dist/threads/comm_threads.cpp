// N ranks as threads of one process. A collective is a slot that each member puts its tensors into; the last one to
// arrive executes it for all. Sums are in rank order, so a result depends only on the inputs.
#include <ATen/ops/empty.h>
#include <ATen/ops/maximum.h>

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

#include "dist/factory.h"
#include "dist/threads/comm_threads_internal.h"

namespace filigree::dist {
namespace {

// Executes a collective: parts in the order of the slot's members.
using Carry = std::function<void(std::vector<Part>&)>;

// Sums in rank order; bf16 is summed in fp32 and rounded once.
at::Tensor reduced(const std::vector<Part>& parts, ReduceOp op) {
  const at::ScalarType type = parts[0].in.scalar_type();
  at::Tensor result = type == at::kBFloat16 ? parts[0].in.to(at::kFloat) : parts[0].in.clone();
  for (size_t i = 1; i < parts.size(); ++i) {
    if (op == ReduceOp::sum) {
      result.add_(parts[i].in);
    } else {
      result = at::maximum(result, parts[i].in.to(result.scalar_type()));
    }
  }
  return result;
}

class ThreadCommunicator : public Communicator {
 public:
  explicit ThreadCommunicator(Member member) : member_(std::move(member)) {}

  int rank() const override { return member_.rank; }
  int size() const override { return member_.group->size(); }
  std::string backend() const override { return "threads"; }
  std::string name() const override { return member_.group->name; }
  const std::vector<std::string>& hosts() const override { return member_.group->hosts; }
  std::unique_ptr<Communicator> split(int colour, int key, const std::string& name) override;

  void abort(int exit_code) override {
    std::lock_guard lock(member_.job->mutex);
    member_.job->fail(fmt::format("{} ended the job with code {}", member_.group->who(rank()), exit_code));
  }

 protected:
  WorkPtr do_all_reduce(at::Tensor tensor, ReduceOp op) override {
    const char* which = op == ReduceOp::sum ? "sum of " : "max of ";
    return collective("all_reduce", which + describe(tensor), {tensor, {tensor}}, [op](std::vector<Part>& parts) {
      const at::Tensor result = reduced(parts, op);
      for (Part& part : parts) part.out[0].copy_(result);
    });
  }

  WorkPtr do_all_gather(const at::Tensor& in, at::Tensor out) override {
    return collective("all_gather", describe(in), {in, {out}}, [](std::vector<Part>& parts) {
      for (Part& part : parts) {
        const int64_t rows = part.in.size(0);
        for (size_t i = 0; i < parts.size(); ++i) {
          part.out[0].narrow(0, static_cast<int64_t>(i) * rows, rows).copy_(parts[i].in);
        }
      }
    });
  }

  std::vector<at::Tensor> do_all_gather_ragged(const at::Tensor& in, const std::vector<int64_t>& rows) override {
    std::vector<at::Tensor> out;
    std::vector<int64_t> shape = in.sizes().vec();
    for (int64_t n : rows) {
      shape[0] = n;
      out.push_back(in.new_empty(shape));
    }
    const std::string one_row = describe(in.narrow(0, 0, 0));  // the rows may differ, the other dims may not
    collective("all_gather_ragged", one_row, {in, out}, [](std::vector<Part>& parts) {
      for (Part& part : parts) {
        for (size_t i = 0; i < parts.size(); ++i) part.out[i].copy_(parts[i].in);
      }
    })->wait();
    return out;
  }

  void do_reduce_scatter(const at::Tensor& in, at::Tensor out) override {
    collective("reduce_scatter", describe(in), {in, {out}}, [](std::vector<Part>& parts) {
      const at::Tensor result = reduced(parts, ReduceOp::sum);
      const int64_t rows = parts[0].out[0].size(0);
      for (size_t i = 0; i < parts.size(); ++i) {
        parts[i].out[0].copy_(result.narrow(0, static_cast<int64_t>(i) * rows, rows));
      }
    })->wait();
  }

  void do_broadcast(at::Tensor tensor, int root) override {
    collective("broadcast", fmt::format("{} from rank {}", describe(tensor), root), {tensor, {tensor}},
               [root](std::vector<Part>& parts) {
                 const at::Tensor& source = parts[static_cast<size_t>(root)].in;
                 for (Part& part : parts) {
                   if (!part.out[0].is_same(source)) part.out[0].copy_(source);
                 }
               })
        ->wait();
  }

  void do_send(const at::Tensor& tensor, int to) override { message("send", tensor, rank(), to)->wait(); }
  void do_recv(at::Tensor tensor, int from) override { message("recv", tensor, from, rank())->wait(); }

  void do_barrier() override {
    collective("barrier", "", {}, [](std::vector<Part>&) {})->wait();
  }

  bool takes(at::Device) const override { return true; }

 private:
  WorkPtr collective(const char* name, std::string detail, Part part, const Carry& carry) {
    const auto bytes = part.in.defined() ? static_cast<uint64_t>(part.in.nbytes()) : 0;
    const uint64_t number = ++collectives_;
    Operation operation{name, member_.group->name, number, bytes, std::move(detail)};
    std::vector<int> members = others(*member_.group, -1);
    return enter({number, -1, -1}, std::move(operation), std::move(members), std::move(part), carry);
  }

  WorkPtr message(const char* name, const at::Tensor& tensor, int from, int to) {
    const uint64_t number = ++messages_[{from, to}];
    Operation operation{name, member_.group->name, number, static_cast<uint64_t>(tensor.nbytes()), describe(tensor)};
    return enter({number, from, to}, std::move(operation), {from, to}, {tensor, {tensor}},
                 [](std::vector<Part>& parts) { parts[1].out[0].copy_(parts[0].in); });
  }

  WorkPtr enter(SlotKey key, Operation operation, std::vector<int> members, Part part, const Carry& carry);
  void check_agreement(const Slot& slot, const Operation& operation) const;

  Member member_;
  uint64_t collectives_ = 0;
  uint64_t splits_ = 0;
  std::map<std::pair<int, int>, uint64_t> messages_;
};

WorkPtr ThreadCommunicator::enter(SlotKey key, Operation operation, std::vector<int> members, Part part,
                                  const Carry& carry) {
  Job& job = *member_.job;
  std::unique_lock lock(job.mutex);
  if (!job.failure.empty()) throw CommError(failure_message(*member_.group, rank(), operation, job.failure), true);
  std::shared_ptr<Slot>& open = member_.group->open[key];
  if (!open) {
    open = std::make_shared<Slot>(Slot{operation, rank(), std::move(members), {}, {}, false});
    open->parts.resize(open->members.size());
  }
  const std::shared_ptr<Slot> slot = open;
  check_agreement(*slot, operation);
  const auto place = std::find(slot->members.begin(), slot->members.end(), rank()) - slot->members.begin();
  slot->parts[static_cast<size_t>(place)] = std::move(part);
  slot->here.insert(rank());
  if (slot->here.size() == slot->members.size()) {
    member_.group->open.erase(key);
    lock.unlock();  // all tensors are here and no other thread touches them
    carry(slot->parts);
    lock.lock();
    slot->parts.clear();
    slot->done = true;
    job.changed.notify_all();
  }
  lock.unlock();
  return std::make_shared<ThreadWork>(member_, slot, std::move(operation), deadline().count());
}

void ThreadCommunicator::check_agreement(const Slot& slot, const Operation& operation) const {
  const bool pair = slot.operation.name == "send" || slot.operation.name == "recv";
  if ((pair || slot.operation.name == operation.name) && slot.operation.detail == operation.detail) return;
  const std::string message =
      fmt::format("ranks are out of step in call #{} of group {}: {} calls {} ({}), {} calls {} ({})",
                  operation.sequence, operation.group, member_.group->who(slot.first), slot.operation.name,
                  slot.operation.detail, member_.group->who(rank()), operation.name, operation.detail);
  member_.job->fail(message);
  throw CommError(message);
}

std::unique_ptr<Communicator> ThreadCommunicator::split(int colour, int key, const std::string& name) {
  at::Tensor mine = at::empty({1, 2}, at::kLong), table = at::empty({size(), 2}, at::kLong);
  mine.mutable_data_ptr<int64_t>()[0] = colour;
  mine.mutable_data_ptr<int64_t>()[1] = key;
  do_all_gather(mine, table);
  const std::vector<int> members = split_members(table, colour);
  const std::string id = fmt::format("{}/{}:{}", member_.group->id, ++splits_, colour);
  std::lock_guard lock(member_.job->mutex);
  std::shared_ptr<ThreadGroup>& group = member_.job->groups[id];
  if (!group) {
    group = std::make_shared<ThreadGroup>();
    group->name = name;
    group->id = id;
    for (int member : members) {
      group->ranks.push_back(member_.group->ranks[static_cast<size_t>(member)]);
      group->hosts.push_back(member_.group->hosts[static_cast<size_t>(member)]);
    }
  }
  const auto place = std::find(members.begin(), members.end(), rank()) - members.begin();
  auto part = std::make_unique<ThreadCommunicator>(Member{member_.job, group, static_cast<int>(place)});
  part->set_deadline(deadline());
  return part;
}

std::shared_ptr<ThreadGroup> world_group(int ranks) {
  auto world = std::make_shared<ThreadGroup>();
  world->name = world->id = "world";
  for (int rank = 0; rank < ranks; ++rank) {
    world->ranks.push_back(rank);
    world->hosts.push_back(host_name());
  }
  return world;
}

struct FirstFailure {
  std::exception_ptr error;
  bool followed = false;
};

// Runs one rank's body and records for the others how it ended. Keeps the first failure of all ranks in `first`; a
// failure that only followed from another rank's is replaced by that one.
void run_rank(const Member& member, const std::function<void(Communicator&)>& body, double deadline_s,
              FirstFailure& first) {
  std::string why;
  std::exception_ptr failure;
  bool followed = false;
  try {
    ThreadCommunicator communicator(member);
    communicator.set_deadline(std::chrono::duration<double>(deadline_s));
    body(communicator);
  } catch (const CommError& error) {
    failure = std::current_exception();
    why = error.what();
    followed = error.reported_elsewhere();
  } catch (const std::exception& error) {
    failure = std::current_exception();
    why = error.what();
  } catch (...) {
    failure = std::current_exception();
    why = "an exception of unknown type";
  }
  std::lock_guard lock(member.job->mutex);
  if (failure) {
    if (!first.error || (first.followed && !followed)) first = {failure, followed};
    member.job->fail(fmt::format("{} failed: {}", member.group->who(member.rank), why));
  }
  member.job->ended.insert(member.rank);
  member.job->changed.notify_all();
}

}  // namespace

void run_threads(int ranks, const std::function<void(Communicator&)>& body, double deadline_s) {
  auto job = std::make_shared<Job>();
  const std::shared_ptr<ThreadGroup> world = world_group(ranks);
  FirstFailure first;
  std::vector<std::thread> threads;
  for (int rank = 0; rank < ranks; ++rank) {
    threads.emplace_back([&, rank] { run_rank({job, world, rank}, body, deadline_s, first); });
  }
  for (std::thread& thread : threads) thread.join();
  if (first.error) std::rethrow_exception(first.error);
}

}  // namespace filigree::dist
