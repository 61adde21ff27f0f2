#pragma once
// Shared by the comm_threads*.cpp files only: the state that the ranks of one run_threads() share.
#include <ATen/core/Tensor.h>

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "dist/communicator.h"
#include "dist/group.h"

namespace filigree::dist {

struct Part {
  at::Tensor in;
  std::vector<at::Tensor> out;
};

struct Slot {
  Operation operation;       // as the first member to arrive called it
  int first = -1;            // that member
  std::vector<int> members;  // the participants
  std::set<int> here;
  std::vector<Part> parts;
  bool done = false;
};

// A collective has from = to = -1; a send and its recv share (number, from, to).
using SlotKey = std::tuple<uint64_t, int, int>;

struct ThreadGroup : Group {
  std::string id;
  std::map<SlotKey, std::shared_ptr<Slot>> open;
};

// The state of one run_threads(). One mutex serves all groups because this backend is for tests.
struct Job {
  std::mutex mutex;
  std::condition_variable changed;
  std::string failure;               // why no collective can succeed any more
  std::set<int> ended;               // world ranks whose body has returned
  std::map<int, Operation> waiting;  // where each world rank waits
  std::map<std::string, std::shared_ptr<ThreadGroup>> groups;

  void fail(const std::string& why) {
    if (failure.empty()) failure = why;
    changed.notify_all();
  }
};

struct Member {
  std::shared_ptr<Job> job;
  std::shared_ptr<ThreadGroup> group;
  int rank;
};

class ThreadWork : public Work {
 public:
  ThreadWork(Member member, std::shared_ptr<Slot> slot, Operation operation, double deadline);
  ~ThreadWork() override;
  bool done() override;
  void wait() override;

 private:
  bool settled() const;
  int gone() const;
  [[noreturn]] void expire();
  [[noreturn]] void give_up();

  Member member_;
  std::shared_ptr<Slot> slot_;
  Operation operation_;
  double deadline_;
};

}  // namespace filigree::dist
