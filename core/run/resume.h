#pragma once
// Opens the run directory and finds the checkpoint that a run resumes from.
#include <optional>
#include <string>

#include "core/checkpoint/store.h"
#include "core/run/open_session.h"
#include "core/run/session.h"

namespace filigree::train {

/// What a run does and with which files, as text: the resolved recipe without how often it logs, saves and evaluates,
/// and without how it is distributed over ranks. A checkpoint holds it, and a default run directory is named after it.
std::string run_recipe(const recipe::Recipe& recipe);

/// The keys that determine a run's numbers: run_recipe() with placeholders for the name of the run, the exports and the
/// paths of model, LoRA and data, whose content is compared instead (origin.h), and without activation_checkpointing.
/// Two runs with the same text and files give the same result.
std::string decisive_recipe(const recipe::Recipe& recipe);

/// The decisive_recipe() of the run_recipe() that a checkpoint holds, in the present names of its keys.
std::string saved_decisive(const std::string& saved, const recipe::Catalog& catalog);

/// "\n  name: first, now second" for each key of run_recipe() that differs although it does not determine numbers.
std::string free_changes(const recipe::Recipe& before, const recipe::Recipe& after);

/// The stage that now exports to the directory of another one; empty: there is none.
std::string exchanged_export(const recipe::Recipe& before, const recipe::Recipe& after);

/// The lines in which two recipe texts differ, by position, marked - (before) and then + (after). Empty only for texts
/// with the same lines in the same order: a value that another stage has as well is a difference.
std::string recipe_difference(const std::string& before, const std::string& after);

/// --out, else a directory below runs/ that is derived from the recipe, which must have the model.path that was given.
std::string run_directory_of(const recipe::Recipe& recipe, const RunRequest& request);

/// Creates or reopens session.run_dir on rank 0 and takes its lock; refuses what claim_run_directory()
/// refuses. Collective.
void open_run_directory(Session& session, const RunRequest& request);

/// "auto": the newest complete checkpoint of the run directory, if any; "never": none; a path: that
/// checkpoint, or the newest of that run. DataError if a path has none; UsageError if the recipe differs in a
/// decisive key (for "auto"). Collective.
std::optional<checkpoint::Loaded> find_checkpoint(Session& session, const RunRequest& request);

/// Writes recipe.yaml and opens the logs, truncated to `resumed`. Called after the whole checkpoint was found
/// to fit, so that a refused resume changes nothing. Collective.
void open_logs(Session& session, const RunRequest& request, const std::optional<checkpoint::Loaded>& resumed);

}  // namespace filigree::train
