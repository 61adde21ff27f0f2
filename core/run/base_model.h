#pragma once
// model.path of a recipe. Like MODEL on a command line (open_model.h), it is a model directory, an export, a
// checkpoint or a run. Training starts from a full model in a directory; the model of a checkpoint is merged
// and written first.
#include <optional>
#include <string>

#include "core/checkpoint/store.h"
#include "core/run/open_session.h"

namespace filigree::train {

struct BaseModel {
  std::string dir;                                       ///< with config.json, weights and tokenizer
  std::optional<checkpoint::CheckpointInfo> checkpoint;  ///< then `dir` is empty
};

/// For a run: its final model or, if it is unfinished, its newest complete checkpoint. Any other path is
/// returned as is; its reader reports what is missing.
BaseModel find_base(const std::string& path);

/// The same for config.json alone: for a checkpoint, the directory of the model that it was trained from.
std::string config_directory(const std::string& path, const Registries& registries);

/// Whether `path` has the form of the directory of a merged model in a run directory: …/cache/base-….
bool is_merged_base(const std::string& path);

/// Replaces session.recipe.model.path with the directory of a full model. The merged model of a checkpoint is
/// written to this run's directory, which is opened for it; its name is derived from the checkpoint's
/// content. A resumed run keeps the merged model that it started with. Collective.
void use_base(Session& session, const RunRequest& request);

/// The recipe's model with the values of its files, as this rank holds it. report: receives missing and unused tensors.
/// Collective over the ranks that share a copy.
std::unique_ptr<nn::Model> load_base(const Session& session, nn::LoadReport& report);

}  // namespace filigree::train
