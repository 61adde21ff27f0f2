#pragma once
// Bytes that this rank passed to the communicators, by axis and purpose, counted at the call:
//
//   dp.gradients                  the gradient buckets
//   tp.forward, tp.backward       activations and their gradients (dist/tensor_parallel.h)
//   tp.gradients                  partial gradients, summed over the tensor-parallel ranks
//   dp.weights                    frozen weights gathered for a layer (parallel.shard_frozen)
//   world.other, tp.other, ...    counters and norms of a step, and everything outside steps
#include <cstdint>
#include <map>
#include <string>

#include "core/nn/model.h"
#include "dist/mesh.h"

namespace filigree::train {

using CommBytes = std::map<std::string, uint64_t>;

CommBytes comm_bytes(const dist::Mesh& mesh);  ///< since the start of the program
CommBytes difference(const CommBytes& after, const CommBytes& before);
uint64_t total(const CommBytes& bytes);
std::map<std::string, CommBytes> by_axis(const CommBytes& bytes);  ///< {"dp":{"gradients":…},"tp":{"forward":…},…}

/// Element counts of a stage: of the full model, and of what this rank holds.
struct ElementCounts {
  int64_t trainable = 0, total = 0;
  int64_t trainable_here = 0, total_here = 0;
  uint64_t weight_bytes = 0;  ///< of the local tensors, in their own types; without parts on other ranks
};
ElementCounts count_elements(nn::Model& model);

}  // namespace filigree::train
