#pragma once
// Continues prompts with a causal language model: batched, with a key-value cache (core/nn/key_value_cache.h).
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "core/generate/options.h"
#include "core/nn/model.h"

namespace filigree::generate {

struct Prompt {
  int64_t number = 0;  ///< among all prompts: the same draws whoever works on it
  std::vector<int32_t> tokens;
};

/// The continuation of each prompt, without its stop token. `batch`: prompts that are worked on at once. Every
/// tensor-parallel rank of a model gives the same. Throws UsageError for a model that is no causal language model, an
/// empty prompt, or one that leaves no position for a token.
std::vector<std::vector<int32_t>> generate(nn::Model& model, const std::vector<Prompt>& prompts, const Options& options,
                                           int64_t batch, at::ScalarType compute);

}  // namespace filigree::generate
