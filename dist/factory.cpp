#include "dist/factory.h"

#include <ATen/detail/CUDAHooksInterface.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include <exception>
#include <iostream>
#include <thread>

#include "dist/launcher.h"
#include "dist/mpi/comm_mpi.h"
#include "dist/nccl/comm_nccl.h"

namespace filigree::dist {
namespace {

#ifdef FILIGREE_HAS_MPI
constexpr bool kHasMpi = true;
#else
constexpr bool kHasMpi = false;
#endif
#ifdef FILIGREE_HAS_NCCL
constexpr bool kHasNccl = true;
#else
constexpr bool kHasNccl = false;
#endif

const char* const kNoMpi =
    "this build has no MPI backend: install MPI's headers (libopenmpi-dev) and build with -DFILIGREE_MPI=ON";
const char* const kNoNccl =
    "this build has no NCCL backend: build with -DFILIGREE_NCCL=ON and -DFILIGREE_MPI=ON against a CUDA LibTorch whose "
    "nccl.h is found";

// N processes that each run as the only rank would all do the whole job and overwrite each other's files.
void refuse_lone_ranks(int world_size) {
  const int ranks = launched_ranks();
  // mpirun inside a Slurm job starts its own daemons as a Slurm step, whose size is not the number of ranks.
  if (world_size > 1 || ranks == 1 || (world_size == 1 && environment_number("OMPI_COMM_WORLD_SIZE") == 1)) return;
  throw StartError(
      fmt::format("{} processes were started, but each is alone: {}", ranks,
                  kHasMpi ? "use mpirun, or srun --mpi=pmix (srun --mpi=list shows what Slurm offers)" : kNoMpi));
}

}  // namespace

#ifndef FILIGREE_HAS_MPI
std::shared_ptr<MpiRuntime> start_mpi(int*, char***, double) { throw StartError(kNoMpi); }
#endif
#ifndef FILIGREE_HAS_NCCL
std::unique_ptr<Communicator> make_nccl(std::unique_ptr<Communicator>, int, RollCall&, int) {
  throw CommError(kNoNccl);
}
#endif

struct Environment::Impl {
  std::shared_ptr<MpiRuntime> mpi;        // null for a single process
  std::unique_ptr<Communicator> control;  // all ranks; also their barrier before MPI is finalized

  std::unique_ptr<Communicator> nccl_world(double deadline_s) const {
    return make_nccl(mpi->world("world", deadline_s), mpi->world_rank(), mpi->roll_call(),
                     mpi->local_rank() % cuda_devices());
  }

  // NCCL takes one rank per device, unless sharing is enabled (2.32 or later); all ranks must make the same choice.
  bool nccl_fits() const {
    if (!kHasNccl) return false;
    if (nccl_shares_devices()) return true;
    at::Tensor crowded = at::zeros({1}, at::kLong);
    if (mpi->local_size() > cuda_devices()) crowded.fill_(1);
    control->all_reduce(crowded, ReduceOp::max);
    return crowded.item<int64_t>() == 0;
  }
};

Environment::Environment(int* argc, char*** argv, double start_s) : impl_(std::make_unique<Impl>()) {
  if (kHasMpi && started_by_launcher()) impl_->mpi = start_mpi(argc, argv, start_s);
  refuse_lone_ranks(world_size());
}

Environment::~Environment() {
  if (!impl_->control || std::uncaught_exceptions() > 0) return;
  try {
    impl_->control->barrier();  // MPI_Finalize has no deadline
  } catch (const CommError& error) {
    fail(error);
  }
}

int Environment::world_size() const { return impl_->mpi ? impl_->mpi->world_size() : 1; }
int Environment::world_rank() const { return impl_->mpi ? impl_->mpi->world_rank() : 0; }
int Environment::local_rank() const { return impl_->mpi ? impl_->mpi->local_rank() : 0; }
int Environment::local_size() const { return impl_->mpi ? impl_->mpi->local_size() : 1; }

Communicator& Environment::control(double deadline_s) const {
  if (!impl_->control) impl_->control = impl_->mpi ? impl_->mpi->world("control", deadline_s) : make_single();
  impl_->control->set_deadline(std::chrono::duration<double>(deadline_s));
  return *impl_->control;
}

std::unique_ptr<Communicator> Environment::world(const std::string& backend, bool cuda, double deadline_s) const {
  control(deadline_s);
  std::string choice = backend;
  if (backend == "auto") choice = world_size() == 1 ? "single" : cuda && impl_->nccl_fits() ? "nccl" : "mpi";
  if (const std::string problem = why_not(choice); !problem.empty()) throw StartError(problem);
  if (choice == "nccl") return impl_->nccl_world(deadline_s);
  if (choice == "mpi") return impl_->mpi->world("world", deadline_s);
  std::unique_ptr<Communicator> single = make_single();
  single->set_deadline(std::chrono::duration<double>(deadline_s));
  return single;
}

std::string Environment::why_not(const std::string& backend) const {
  const bool mpi = backend == "mpi", nccl = backend == "nccl";
  if (mpi && !kHasMpi) return kNoMpi;
  if (nccl && !kHasNccl) return kNoNccl;
  if (nccl && cuda_devices() == 0) return "nccl: this process sees no CUDA device; use auto or mpi";
  if ((mpi || nccl) && !impl_->mpi)
    return fmt::format("{}: start the program with mpirun or srun, even for one rank, or use auto", backend);
  if (backend == "single" && world_size() > 1)
    return fmt::format("single is for one rank, but {} were started; use auto or mpi", world_size());
  if (!mpi && !nccl && backend != "single" && backend != "auto")
    return fmt::format("unknown backend '{}'; use one of auto, single, mpi, nccl", backend);
  return "";
}

void Environment::abort(int exit_code) const {
  std::fflush(nullptr);
  if (impl_->mpi && world_size() > 1) impl_->mpi->abort(exit_code);
}

void Environment::fail(const CommError& error) const {
  if (error.reported_elsewhere()) {
    std::this_thread::sleep_for(
        std::chrono::seconds(3));  // the rank that prints ends the job; if it dies, this one does
  } else {
    std::cerr << fmt::format("filigree: {}\n", error.what());
  }
  abort(4);
  std::_Exit(4);
}

int cuda_devices() {
  const at::CUDAHooksInterface& hooks = at::detail::getCUDAHooks();
  return hooks.hasCUDA() ? static_cast<int>(hooks.deviceCount()) : 0;
}

bool nccl_shares_devices() {
  const char* value = std::getenv("NCCL_MULTI_RANK_GPU_ENABLE");
  return value != nullptr && std::string(value) == "1";
}

std::vector<std::string> available_backends() {
  std::vector<std::string> backends = {"single", "threads"};
  if (kHasMpi) backends.emplace_back("mpi");
  if (kHasNccl) backends.emplace_back("nccl");
  return backends;
}

}  // namespace filigree::dist
