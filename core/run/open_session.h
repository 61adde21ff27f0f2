#pragma once
// Builds a Session that is ready to run from a recipe: ranks, device, threads, data, model, run directory, resume.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/run/session.h"
#include "dist/factory.h"

namespace filigree::train {

struct RunRequest {
  std::string out;              ///< run directory; empty: `runs/<name>-seed<seed>-<hash of the resolved recipe>`
  std::string resume = "auto";  ///< auto | never | path of a checkpoint or of a run
  std::vector<Fact> arguments;  ///< other arguments that must be the same on all ranks
};

struct OpenedSession {
  std::unique_ptr<Session> session;
  std::optional<checkpoint::Loaded> resumed;  ///< source of the state
};

/// Collective. Loads and checks everything before the first step: throws UsageError or DataError, the same on all
/// ranks.
OpenedSession open_session(recipe::Recipe recipe, const Registries& registries, const dist::Environment& environment,
                           const RunRequest& request);

/// All ranks, connected by a backend. UsageError if it cannot be used here. Collective.
std::unique_ptr<dist::Communicator> open_world(const recipe::ParallelConfig& parallel,
                                               const dist::Environment& environment, bool cuda);

/// The device that a recipe requests ("auto": CUDA if there is one); ranks of a host take its devices in
/// turn. UsageError if it is not available.
at::Device choose_device(recipe::Device device, int local_rank);

/// Sets one thread per core, divided among the ranks of this host, unless OMP_NUM_THREADS is set. Returns the
/// number of threads.
int choose_threads(const dist::Communicator& world);

}  // namespace filigree::train
