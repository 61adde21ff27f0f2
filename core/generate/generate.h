#pragma once
// Continues prompts with a causal language model, in batches, with a key-value cache
// (core/nn/key_value_cache.h).
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "core/generate/options.h"
#include "core/nn/model.h"

namespace filigree::generate {

struct Prompt {
  int64_t number = 0;  ///< index among all prompts; selects its random draws on any rank
  std::vector<int32_t> tokens;
};

/// The continuation of each prompt, without its stop token; the same on every tensor-parallel rank of a
/// model. `batch`: prompts per batch. Throws UsageError for a model that is not a causal language model, an
/// empty prompt, or a prompt that leaves no position for a token.
std::vector<std::vector<int32_t>> generate(nn::Model& model, const std::vector<Prompt>& prompts, const Options& options,
                                           int64_t batch, at::ScalarType compute);

}  // namespace filigree::generate
