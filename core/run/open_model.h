#pragma once
// MODEL on a command line: a Hugging Face directory, an export, a checkpoint, or a run (its final model, else its
// newest whole checkpoint). Gives the model as it stands there, with what is known of its data.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/recipe/recipe.h"
#include "core/run/session.h"
#include "core/tokenizer/tokenizer.h"

namespace filigree::train {

struct OpenedModel {
  std::unique_ptr<nn::Model> model;
  std::unique_ptr<data::Tokenizer> tokenizer;
  std::vector<std::string> labels;       ///< names by class number
  std::optional<recipe::Recipe> recipe;  ///< of the run that made it; none for a bare Hugging Face directory
  std::string files;                     ///< directory with the tokenizer and config files
  std::string checkpoint;                ///< that the model was read from; empty: `files`
  nn::LoadReport report;                 ///< what the weights lacked or held besides
};

/// task: overrides what config.json says ("" keeps it). Throws DataError naming what was looked for.
OpenedModel open_model(const std::string& path, const Plugins& plugins, const std::string& task = "");

/// Class names by number, as the model's configuration has them; none for a task over tokens.
std::vector<std::string> label_names(const nn::Model& model);

/// Notes which files of an export of filigree no longer have the checksums of its marker.
void note_changed_files(const std::string& dir, nn::LoadReport& report);

/// What was found besides the wanted tensors, on stderr.
void print_findings(const OpenedModel& opened);

/// DataError when parameters of the model were initialised at random, because its files lack them.
void refuse_random_parameters(const OpenedModel& opened);

/// For an evaluation on a task with these labels: the model's classes are put into their order, by name. UsageError
/// when number or names do not match. Nothing to do for other than classification.
void use_labels(OpenedModel& opened, const std::vector<std::string>& labels);

}  // namespace filigree::train
