#pragma once
// Bytes that this rank handed to the communicators, by axis and purpose, counted where they are handed over:
//
//   dp.gradients                  the gradient buckets
//   tp.forward, tp.backward       activations and their gradients (dist/tensor_parallel.h)
//   tp.gradients                  gradients of which each tensor-parallel rank has a part
//   dp.weights                    frozen weights that are gathered for a layer (parallel.shard_frozen)
//   world.other, tp.other, ...    the step's counters, norms, and what is not part of a step
#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "core/nn/model.h"
#include "dist/mesh.h"

namespace filigree::train {

using CommBytes = std::map<std::string, uint64_t>;

CommBytes comm_bytes(const dist::Mesh& mesh);  ///< since the start of the program
CommBytes difference(const CommBytes& after, const CommBytes& before);
uint64_t total(const CommBytes& bytes);
nlohmann::ordered_json to_json(const CommBytes& bytes);  ///< {"dp":{"gradients":…},"tp":{"forward":…},…}

/// What a stage trains: elements of the whole model, and of what lies on this rank.
struct ElementCounts {
  int64_t trainable = 0, total = 0;
  int64_t trainable_here = 0, total_here = 0;
  uint64_t weight_bytes = 0;  ///< that the tensors here take, in their own types; parts on other ranks left out
};
ElementCounts count_elements(nn::Model& model);

}  // namespace filigree::train
