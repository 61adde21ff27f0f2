#pragma once
// The scores of the next token, and what is done to them before one is chosen.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

namespace filigree::generate {

/// Gives -inf to each token that would repeat `n` tokens in a row of `sequence`.
void forbid_repeats(std::span<const int32_t> sequence, int64_t n, std::span<float> scores);

/// The token that has the highest score, the first of them.
int32_t best(std::span<const float> scores);

/// A token drawn with the probabilities softmax(scores / temperature), of the top_k likeliest and, among these, of the
/// likeliest whose probabilities add up to top_p. draw: uniform in [0, 1).
int32_t draw(std::span<const float> scores, double temperature, int64_t top_k, double top_p, double draw);

}  // namespace filigree::generate
