#pragma once
// From a recipe to a Session that is ready to run: ranks, device, threads, data, model, run directory, resume.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/run/session.h"
#include "dist/factory.h"

namespace filigree::train {

struct RunRequest {
  std::string out;              ///< run directory; empty: runs/<name>-seed<seed>-<hash of the resolved recipe>
  std::string resume = "auto";  ///< auto | never | path of a checkpoint or of a run
  std::vector<Fact> arguments;  ///< what else was typed and must be the same on all ranks
};

struct OpenedSession {
  std::unique_ptr<Session> session;
  std::optional<checkpoint::Loaded> resumed;  ///< what the state was read from
};

/// Collective. Loads and checks everything before the first step: throws UsageError or DataError, the same on all
/// ranks.
OpenedSession open_session(recipe::Recipe recipe, const Plugins& plugins, const dist::Environment& environment,
                           const RunRequest& request);

/// The device that a recipe asks for ("auto": CUDA when there is one); ranks of a host take its devices in turn.
/// UsageError when it is not there.
at::Device choose_device(const std::string& name, int local_rank);

/// One thread per core, shared out over the ranks of this host, unless OMP_NUM_THREADS says otherwise. Returns the
/// count.
int choose_threads(const dist::Communicator& world);

}  // namespace filigree::train
