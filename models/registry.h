#pragma once
// Model families by the model_type of config.json. A new family is a folder beside bert/ and one line in registry.cpp.
//
// A model directory holds config.json and model.safetensors (or its sharded form) in the Hugging Face layout;
// core/tokenizer reads the tokenizer files. An error in a file is a DataError that names the file and the key or
// tensor.
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/nn/load_report.h"
#include "core/nn/model.h"
#include "core/recipe/choices.h"

namespace filigree::models {

using recipe::ResetHead;

struct ModelOptions {
  Task task = Task::sequence_classification;
  int64_t num_labels = 0;                ///< 0: from config.json
  std::vector<std::string> label_names;  ///< empty: from config.json
  ResetHead reset_head = ResetHead::never;
  bool trains = true;             ///< false: the model is only used, so that advice about a new head is left out
  std::optional<double> dropout;  ///< overrides hidden and attention dropout
  bool pretrained = true;         ///< false: random weights, only config.json is read
  bool shapes_only = false;       ///< tensors without memory (on the meta device); only config.json is read
  uint64_t seed = 0;              ///< of random initialization
  /// Sets which part of each tensor is local, before any is read; unset: all of it.
  std::function<void(nn::Model&)> shard = nullptr;
};

using nn::LoadReport;

std::unique_ptr<nn::Model> load_model(const std::string& dir, const ModelOptions& options,
                                      LoadReport* report = nullptr);

/// The task of a model directory, from the architecture, problem type and labels in its config.json.
Task stored_task(const std::string& dir);

}  // namespace filigree::models
