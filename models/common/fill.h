#pragma once
// Fills a model's parameters from a Hugging Face directory or with random numbers. What differs between families is in
// the StateDictAdapter (models/<family>/state_map.cpp).
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/nn/model.h"
#include "core/safetensors/safetensors.h"
#include "models/common/head.h"
#include "models/registry.h"

namespace filigree::models {

/// How a file stores a parameter.
struct CheckpointEntry {
  std::vector<std::string> names;  ///< names under which it may be stored, best first
  bool transposed = false;         ///< the file stores the matrix transposed, as [in, out]
  int64_t part = 0, parts = 1;     ///< part `part` of `parts` equal parts, fused along the outputs
};

/// How a parameter is initialized: a constant, or normal around 0.
struct InitSpec {
  double std_dev = 0;  ///< 0: the constant
  double constant = 0;
  int64_t zero_row = -1;  ///< a row that is 0 (the padding token's embedding), or -1
};

struct StateDictAdapter {
  std::function<CheckpointEntry(const std::string& parameter)> stored;
  std::function<bool(const std::string& parameter)> may_be_missing;  ///< whether a file may lack it: the task head
  std::function<bool(const std::string& tensor)> is_redundant;       ///< buffers and tied copies in a file: ignored
  std::function<InitSpec(const nn::Parameter&)> initial;
  HeadFit head;  ///< of the sequence task's head in the files
};

/// The weights of a model directory; none for a model that is randomly initialized or has shapes only.
using Weights = std::optional<checkpoint::SafetensorsReader>;
Weights open_weights(const std::string& dir, const ModelOptions& options);

/// Fills the local part of each parameter, according to its placement. Random values are drawn for the logical tensor
/// from a stream keyed by (seed, parameter), so they depend neither on the other tensors nor on sharding.
/// options.reset_head determines whether a head that does not fit is replaced. Throws DataError when a tensor is
/// missing or has the wrong shape, before any is read.
void fill(nn::Model& model, const StateDictAdapter& map, const Weights& weights, const ModelOptions& options,
          LoadReport& report);

}  // namespace filigree::models
