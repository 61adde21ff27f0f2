#pragma once
// MODEL on a command line: a Hugging Face directory, an export, a checkpoint, or a run (its final model, else its
// newest whole checkpoint). Gives the model as it stands there, with what is known of its data.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/data/tokenizer.h"
#include "core/recipe/recipe.h"
#include "core/train/session.h"

namespace filigree::train {

struct OpenedModel {
  std::unique_ptr<nn::Model> model;
  std::unique_ptr<data::Tokenizer> tokenizer;
  std::vector<std::string> labels;       ///< names by class number
  std::optional<recipe::Recipe> recipe;  ///< of the run that made it; none for a bare Hugging Face directory
  std::string files;                     ///< directory with the tokenizer and config files
};

/// task: overrides what config.json says ("" keeps it). Throws DataError naming what was looked for.
OpenedModel open_model(const std::string& path, const Plugins& plugins, const std::string& task = "");

}  // namespace filigree::train
