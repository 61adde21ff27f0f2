#pragma once
// Fills a model's parameters from a Hugging Face directory or with random numbers. What differs between families is in
// the StateMap (models/<family>/state_map.cpp).
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
struct Stored {
  std::vector<std::string> names;  ///< names under which it may be stored, best first
  bool turned = false;             ///< the file stores the matrix transposed, as [in, out]
  int64_t part = 0, parts = 1;     ///< part `part` of `parts` equal parts, fused along the outputs
};

/// How a parameter is initialized: a constant, or normal around 0.
struct Initial {
  double deviation = 0;  ///< 0: the constant
  double constant = 0;
  int64_t zero_row = -1;  ///< a row that is 0 (the padding token's embedding), or -1
};

struct StateMap {
  std::function<Stored(const std::string& parameter)> stored;
  std::function<bool(const std::string& parameter)> may_be_fresh;  ///< whether a file may lack it: the task head
  std::function<bool(const std::string& tensor)> carries_nothing;  ///< buffers and tied copies in a file: ignored
  std::function<Initial(const nn::Parameter&)> initial;
  HeadFit head;  ///< of the sequence task's head in the files
};

/// The weights of a model directory; none for a model that is randomly initialized or has shapes only.
using Weights = std::optional<checkpoint::SafetensorsReader>;
Weights open_weights(const std::string& dir, const ModelOptions& options);

/// Fills the local part of each parameter, according to its placement. Random values are drawn for the logical tensor
/// from a stream keyed by (seed, parameter), so they depend neither on the other tensors nor on sharding.
/// options.reset_head determines whether a head that does not fit is replaced. Throws DataError when a tensor is
/// missing or has the wrong shape, before any is read.
void fill(nn::Model& model, const StateMap& map, const Weights& weights, const ModelOptions& options,
          LoadReport& report);

}  // namespace filigree::models
