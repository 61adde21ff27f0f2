#pragma once
// The run directory, and which checkpoint a run goes on from.
#include <optional>
#include <string>

#include "core/checkpoint/store.h"
#include "core/run/open_session.h"
#include "core/run/session.h"

namespace filigree::train {

/// The keys that decide the numbers of a run, as text: the resolved recipe without how often it logs, saves and
/// evaluates, and without how it is spread over ranks. Two runs with the same text give the same result.
std::string decisive_recipe(const recipe::Recipe& recipe);

/// The lines that one of two recipe texts has and the other has not, each on a line of its own, marked - and +.
std::string recipe_difference(const std::string& before, const std::string& after);

/// --out, else a directory below runs/ that the recipe decides. The recipe has the model.path that was given.
std::string run_directory_of(const recipe::Recipe& recipe, const RunRequest& request);

/// Makes or reopens session.run_dir on rank 0 and takes its lock; refuses what claim_run_directory() refuses.
/// Collective.
void open_run_directory(Session& session, const RunRequest& request);

/// "auto": the newest whole checkpoint of the run directory, if any; "never": none; a path: that checkpoint, or the
/// newest of that run. DataError when a path holds none; UsageError when the recipe differs in a decisive key (for
/// "auto"). Collective.
std::optional<checkpoint::Loaded> find_checkpoint(Session& session, const RunRequest& request);

/// Writes recipe.yaml and opens the logs, cut back to `resumed`. Called when all of the checkpoint has been found to
/// fit, so that a refused resume changes nothing. Collective.
void open_logs(Session& session, const RunRequest& request, const std::optional<checkpoint::Loaded>& resumed);

}  // namespace filigree::train
