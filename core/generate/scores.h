#pragma once
// Functions on the scores of the next token: forbid repeats, choose the best, draw one.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

namespace filigree::generate {

/// Sets the score of each token that would repeat an n-gram of `sequence` to -inf.
void forbid_repeats(std::span<const int32_t> sequence, int64_t n, std::span<float> scores);

/// The token with the highest score; the first on a tie.
int32_t best(std::span<const float> scores);

/// Draws a token with the probabilities softmax(scores / temperature), among the top_k most likely ones and,
/// of these, the most likely ones whose probabilities add up to top_p. draw: uniform in [0, 1).
int32_t sample_token(std::span<const float> scores, double temperature, int64_t top_k, double top_p, double draw);

}  // namespace filigree::generate
