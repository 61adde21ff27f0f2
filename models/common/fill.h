#pragma once
// From a Hugging Face directory, or from random numbers, to a model's parameters. What differs from family to family is
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

/// Where a parameter stands in a file.
struct Stored {
  std::vector<std::string> names;  ///< under which it may be stored, best first
  bool turned = false;             ///< a matrix stands there as [in, out]
  int64_t part = 0, parts = 1;     ///< it is one of so many, of one size, fused along the outputs
};

/// How a parameter is drawn: a constant, or normal around 0.
struct Initial {
  double deviation = 0;  ///< 0: the constant
  double constant = 0;
  int64_t zero_row = -1;  ///< a row that is 0 (the padding token's embedding)
};

struct StateMap {
  std::function<Stored(const std::string& parameter)> stored;
  std::function<bool(const std::string& parameter)> may_be_fresh;  ///< a file may lack it: the task head
  std::function<bool(const std::string& tensor)> carries_nothing;  ///< buffers and tied copies in a file
  std::function<Initial(const nn::Parameter&)> initial;
  HeadFit head;  ///< of a sequence task's head in the files
};

/// The weights of a model directory; none for a model that is drawn at random or has shapes only.
using Weights = std::optional<checkpoint::SafetensorsReader>;
Weights open_weights(const std::string& dir, const ModelOptions& options);

/// Of each parameter the part that its placement says. Random values are drawn for the logical tensor from a stream
/// named by (seed, parameter), so they depend neither on the other tensors nor on any sharding. A head that does not
/// fit is replaced as options.reset_head says. Throws DataError when a tensor is missing or has another shape, before
/// any is read.
void fill(nn::Model& model, const StateMap& map, const Weights& weights, const ModelOptions& options,
          LoadReport& report);

}  // namespace filigree::models
