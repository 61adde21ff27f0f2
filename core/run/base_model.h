#pragma once
// model.path of a recipe: like MODEL on a command line (open_model.h) it is a model directory, an export, a checkpoint
// or a run. What trains starts from a whole model in a directory; that of a checkpoint is merged and written first.
#include <optional>
#include <string>

#include "core/checkpoint/store.h"
#include "core/run/open_session.h"

namespace filigree::train {

struct BaseModel {
  std::string dir;                                       ///< with config.json, weights and tokenizer
  std::optional<checkpoint::CheckpointInfo> checkpoint;  ///< then `dir` is empty
};

/// A run's final model; of an unfinished run, its newest whole checkpoint. A path that is none of these is returned as
/// it is: who reads it says what is missing.
BaseModel find_base(const std::string& path);

/// The same, for config.json alone: of a checkpoint, the model that it was trained from.
std::string config_directory(const std::string& path, const Plugins& plugins);

/// Whether `path` has the form of a merged model's directory in a run directory: …/cache/base-….
bool is_merged_base(const std::string& path);

/// Puts a directory of a whole model in the place of session.recipe.model.path. The merged model of a checkpoint is
/// kept in the run's own directory, which is opened for it, under a name that the checkpoint's content decides. A run
/// that is resumed keeps the one that it began with. Collective.
void use_base(Session& session, const RunRequest& request);

}  // namespace filigree::train
