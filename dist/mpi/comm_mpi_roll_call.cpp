// The roll call over MPI: small messages on a separate communicator.
#include <algorithm>
#include <list>

#include "dist/mpi/comm_mpi_internal.h"

namespace filigree::dist {
namespace {

// The message: where a rank is. Text is truncated to fit.
struct Notice {
  enum Kind : int64_t { answer, call, late_call };
  int64_t kind = answer;  // call: the sender's deadline has passed, and it asks where the receiver is; late_call: the
                          // same, from a rank that another rank had called before
  uint64_t sequence = 0;
  uint64_t bytes = 0;
  char name[24] = {};
  char group[64] = {};
};

/// `to` is all zeros: the text keeps one at its end.
void put(char* to, size_t room, const std::string& text) { text.copy(to, room - 1); }

Notice notice_of(const Operation* operation, Notice::Kind kind) {
  Notice notice;
  notice.kind = kind;
  if (operation == nullptr) return notice;
  notice.sequence = operation->sequence;
  notice.bytes = operation->bytes;
  put(notice.name, sizeof notice.name, operation->name);
  put(notice.group, sizeof notice.group, operation->group);
  return notice;
}

class MpiRollCall : public RollCall {
 public:
  MpiRollCall(MpiProcess& process, MPI_Comm comm) : process_(process), comm_(comm) {}

  // MPI_Finalize frees the communicator: a message may still be in flight when the process ends.

  void enter(const Operation* operation) override {
    MpiLock lock(process_.mutex);
    waiting_.push_back(operation);
  }

  void leave(const Operation* operation) override {
    MpiLock lock(process_.mutex);
    waiting_.erase(std::find(waiting_.begin(), waiting_.end(), operation));
  }

  bool serve() override {
    MpiLock lock(process_.mutex);
    receive();
    return called_;
  }

  Answers ask(const std::vector<int>& whom, const Operation& operation, double seconds) override {
    process_.broken = true;
    Backoff backoff;
    bool first = true;  // nobody called before, and this rank is the lowest of those that called at the same time
    {
      MpiLock lock(process_.mutex);
      receive();
      first = !called_;
      for (int rank : whom) send(rank, notice_of(&operation, first ? Notice::call : Notice::late_call));
    }
    for (;;) {
      {
        MpiLock lock(process_.mutex);
        receive();
        const bool all = std::all_of(whom.begin(), whom.end(), [this](int rank) { return where_.contains(rank); });
        if (all || backoff.waited() > seconds) break;
      }
      backoff.pause();
    }
    MpiLock lock(process_.mutex);
    first = first && std::none_of(rivals_.begin(), rivals_.end(), [this](int rank) { return rank < process_.rank; });
    return {where_, first};
  }

 private:
  void receive() {
    for (;;) {
      int waiting = 0;
      MPI_Status status;
      MPI_CHECK(MPI_Iprobe(MPI_ANY_SOURCE, 0, comm_, &waiting, &status));
      if (waiting == 0) return;
      Notice notice;
      MPI_CHECK(MPI_Recv(&notice, sizeof notice, MPI_BYTE, status.MPI_SOURCE, 0, comm_, MPI_STATUS_IGNORE));
      where_[status.MPI_SOURCE] = {notice.name, notice.group, notice.sequence, notice.bytes, {}};
      if (notice.kind == Notice::answer) continue;
      called_ = true;
      if (notice.kind == Notice::call) rivals_.push_back(status.MPI_SOURCE);
      send(status.MPI_SOURCE, notice_of(waiting_.empty() ? nullptr : waiting_.back(), Notice::answer));
    }
  }

  // The buffers live until the process ends: there are few, and a dead rank never receives its messages.
  void send(int to, const Notice& notice) {
    sent_.push_back(notice);
    MPI_Request request = MPI_REQUEST_NULL;
    MPI_CHECK(MPI_Isend(&sent_.back(), sizeof notice, MPI_BYTE, to, 0, comm_, &request));
    MPI_CHECK(MPI_Request_free(&request));
  }

  MpiProcess& process_;
  MPI_Comm comm_;
  std::vector<const Operation*> waiting_;
  RollCallAnswers where_;
  std::vector<int> rivals_;  // ranks that called first
  bool called_ = false;
  std::list<Notice> sent_;
};

}  // namespace

std::unique_ptr<RollCall> make_mpi_roll_call(MpiProcess& process, MPI_Comm comm) {
  return std::make_unique<MpiRollCall>(process, comm);
}

}  // namespace filigree::dist
