#pragma once
// Opens MODEL of a command line: a Hugging Face directory, an export, a checkpoint, or a run (its final
// model, else its newest complete checkpoint). Returns the model as stored there, with what is known about
// its data.
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
  std::optional<recipe::Recipe> recipe;  ///< of the run that produced it; none for a bare Hugging Face directory
  std::string files;                     ///< directory with the tokenizer and config files
  bool random_base = false;              ///< the training started from random weights, not from those of `files`
  std::string checkpoint;                ///< path that the model was read from; empty: `files`
  nn::LoadReport report;                 ///< missing and unused tensors
};

/// task: overrides the task of config.json (none keeps it). Throws a DataError that names what was looked for.
OpenedModel open_model(const std::string& path, const Registries& registries, std::optional<Task> task = std::nullopt);

/// Class names by number, from the model's configuration; none for a task over tokens.
std::vector<std::string> label_names(const nn::Model& model);

/// Notes which files of a filigree export no longer match the checksums in its marker.
void note_changed_files(const std::string& dir, nn::LoadReport& report);

/// Prints the load report to stderr.
void print_findings(const OpenedModel& opened);

/// DataError if parameters of the model were initialized at random because its files lack them.
void refuse_random_parameters(const OpenedModel& opened);

/// For an evaluation on a task with these labels: puts the model's classes into their order, by name.
/// UsageError if their number or names do not match. Does nothing for tasks other than classification.
void use_labels(OpenedModel& opened, const std::vector<std::string>& labels);

}  // namespace filigree::train
