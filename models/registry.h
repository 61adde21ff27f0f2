#pragma once
// Model families by the model_type of config.json. A new family is a folder beside bert/ and one line in registry.cpp.
//
// A model directory holds config.json and model.safetensors (or its sharded form), as Hugging Face lays it out;
// tokenizer files are the data part's business. Faults of the files are DataErrors naming file and key or tensor.
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/nn/load_report.h"
#include "core/nn/model.h"

namespace filigree::models {

/// What becomes of a task head that does not fit the labels asked for: another number of classes, other names, another
/// kind of model.
enum class ResetHead {
  automatic,  ///< a new head takes its place
  always,     ///< a new head, even where the file's fits
  never,      ///< refused
};

struct ModelOptions {
  nn::Task task = nn::Task::sequence_classification;
  int64_t num_labels = 0;                ///< 0: what config.json says
  std::vector<std::string> label_names;  ///< empty: what config.json says
  ResetHead reset_head = ResetHead::never;
  std::optional<double> dropout;  ///< overrides hidden and attention dropout
  bool pretrained = true;         ///< false: random weights, only config.json is read
  bool shapes_only = false;       ///< tensors without memory (on the meta device); only config.json is read
  uint64_t seed = 0;              ///< of whatever is drawn at random
  /// Says which part of each tensor lies on this rank, before any is read; unset: all of it.
  std::function<void(nn::Model&)> cut = nullptr;
};

using nn::LoadReport;

std::unique_ptr<nn::Model> load_model(const std::string& dir, const ModelOptions& options,
                                      LoadReport* report = nullptr);

/// The task that a model directory is for, from what config.json says of its architecture, kind of problem and labels.
nn::Task stored_task(const std::string& dir);

}  // namespace filigree::models
