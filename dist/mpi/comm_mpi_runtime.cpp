// Start and end of MPI in this process, and the groups of ranks.
#include <fmt/format.h>
#include <unistd.h>

#include <exception>
#include <iostream>
#include <numeric>
#include <thread>
#include <utility>

#include "dist/launcher.h"
#include "dist/mpi/comm_mpi_internal.h"

namespace filigree::dist {
namespace {

class Runtime : public MpiRuntime {
 public:
  Runtime(int* argc, char*** argv, double deadline_s);

  int world_size() const override { return process_->size; }
  int world_rank() const override { return process_->rank; }
  int local_rank() const override { return process_->local_rank; }
  int local_size() const override { return process_->local_size; }
  RollCall& roll_call() override { return *process_->roll_call; }

  std::unique_ptr<Communicator> world(const std::string& name, double deadline_s, int64_t largest_count) override {
    MPI_Comm comm = MPI_COMM_NULL;
    process_->deadline = deadline_s;
    {
      MpiLock lock(process_->mutex);
      const PhaseWatch watch = watch_phase(*process_, "the start of group " + name);
      MPI_CHECK(MPI_Comm_dup(MPI_COMM_WORLD, &comm));
    }
    return make_mpi_communicator(make_mpi_group(process_, comm, name, largest_count),
                                 std::chrono::duration<double>(deadline_s));
  }

  void abort(int exit_code) override { abort_mpi(*process_, exit_code); }

 private:
  void find_neighbours();

  std::shared_ptr<MpiProcess> process_ = std::make_shared<MpiProcess>();
};

constexpr auto kWaitForRankZero = std::chrono::milliseconds(1500);

std::string host_name() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "unknown";
}

[[noreturn]] void end_late(const std::string& phase, double seconds) {
  const int rank = launched_rank().value_or(0);
  if (rank != 0) std::this_thread::sleep_for(kWaitForRankZero);  // rank 0 alone prints, unless it is the one that hangs
  std::cerr << fmt::format(
      "filigree: rank {} (host {}): {} did not complete in {:.1f} s: another rank has not started, is stopped or "
      "hangs (MPI does not report which one); ending the job\n",
      rank, host_name(), phase, seconds);
  std::_Exit(4);  // the launcher notices and ends the other ranks; MPI_Abort could hang as well
}

Runtime::Runtime(int* argc, char*** argv, double deadline_s) {
  process_->deadline = deadline_s;
  const PhaseWatch watch = watch_phase(*process_, "the start of MPI");
  int provided = 0;
  if (const int code = MPI_Init_thread(argc, argv, MPI_THREAD_SERIALIZED, &provided); code != MPI_SUCCESS)
    throw StartError("MPI cannot start: " + mpi_error_text(code));
  if (provided < MPI_THREAD_SERIALIZED) {
    throw StartError(
        "this MPI cannot be called from several threads (MPI_THREAD_SERIALIZED): use an MPI build that can");
  }
  MPI_CHECK(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN));
  MPI_CHECK(MPI_Comm_rank(MPI_COMM_WORLD, &process_->rank));
  MPI_CHECK(MPI_Comm_size(MPI_COMM_WORLD, &process_->size));
  find_neighbours();
  process_->ops = std::make_unique<MpiOps>();
  MPI_Comm roll_call = MPI_COMM_NULL;
  MPI_CHECK(MPI_Comm_dup(MPI_COMM_WORLD, &roll_call));
  process_->roll_call = make_mpi_roll_call(*process_, roll_call);
}

void Runtime::find_neighbours() {
  char name[MPI_MAX_PROCESSOR_NAME] = {};
  int length = 0;
  MPI_CHECK(MPI_Get_processor_name(name, &length));
  std::vector<char> names(static_cast<size_t>(process_->size) * sizeof name);
  MPI_CHECK(MPI_Allgather(name, sizeof name, MPI_CHAR, names.data(), sizeof name, MPI_CHAR, MPI_COMM_WORLD));
  for (int r = 0; r < process_->size; ++r) {
    process_->hosts.emplace_back(names.data() + static_cast<size_t>(r) * sizeof name);
  }
  MPI_Comm local = MPI_COMM_NULL;
  MPI_CHECK(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, process_->rank, MPI_INFO_NULL, &local));
  MPI_CHECK(MPI_Comm_rank(local, &process_->local_rank));
  MPI_CHECK(MPI_Comm_size(local, &process_->local_size));
  MPI_CHECK(MPI_Comm_free(&local));
}

}  // namespace

PhaseWatch watch_phase(const MpiProcess& process, const std::string& phase) {
  const double seconds = process.deadline;
  return {seconds, [phase, seconds] { end_late(phase, seconds); }};
}

void abort_mpi(MpiProcess& process, int exit_code) {
  // Another thread may hang inside MPI with the lock held: the job must end all the same.
  const bool locked = process.mutex.try_lock_for(std::chrono::seconds(1));
  MPI_Abort(MPI_COMM_WORLD, exit_code);
  if (locked) process.mutex.unlock();
  std::_Exit(exit_code);
}

MpiProcess::~MpiProcess() {
  // After a failure, or during unwinding, MPI_Finalize would wait for ranks that never arrive.
  if (broken || std::uncaught_exceptions() > 0) return;
  if (ops) ops->free();
  // If no group was made, rank 0 works alone for as long as it takes, and the others wait for it here.
  if (rank != 0 && !has_groups) {
    MPI_Finalize();
    return;
  }
  const PhaseWatch watch = watch_phase(*this, "the end of MPI");
  MPI_Finalize();
}

MpiGroup::~MpiGroup() {
  if (comm == MPI_COMM_NULL || process->broken || std::uncaught_exceptions() > 0) return;
  MpiLock lock(process->mutex);
  MPI_Comm_free(&comm);
}

std::shared_ptr<MpiGroup> make_mpi_group(const std::shared_ptr<MpiProcess>& process, MPI_Comm comm,
                                         const std::string& name, int64_t largest_count) {
  auto group = std::make_shared<MpiGroup>();
  group->process = process;
  process->has_groups = true;
  MpiLock lock(process->mutex);
  MPI_CHECK(MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN));
  MPI_Group members = MPI_GROUP_NULL, all = MPI_GROUP_NULL;
  int size = 0;
  MPI_CHECK(MPI_Comm_rank(comm, &group->me));
  MPI_CHECK(MPI_Comm_size(comm, &size));
  MPI_CHECK(MPI_Comm_group(comm, &members));
  MPI_CHECK(MPI_Comm_group(MPI_COMM_WORLD, &all));
  std::vector<int> local(static_cast<size_t>(size));
  std::iota(local.begin(), local.end(), 0);
  group->ranks.resize(local.size());
  MPI_CHECK(MPI_Group_translate_ranks(members, size, local.data(), all, group->ranks.data()));
  MPI_CHECK(MPI_Group_free(&members));
  MPI_CHECK(MPI_Group_free(&all));
  for (int rank : group->ranks) group->hosts.push_back(process->hosts[static_cast<size_t>(rank)]);
  group->name = name;
  group->comm = comm;
  group->largest_count = largest_count;
  return group;
}

std::shared_ptr<MpiRuntime> start_mpi(int* argc, char*** argv, double deadline_s) {
  return std::make_shared<Runtime>(argc, argv, deadline_s);
}

}  // namespace filigree::dist
