#include "core/generate/scores.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace filigree::generate {

void forbid_repeats(std::span<const int32_t> sequence, int64_t n, std::span<float> scores) {
  const auto length = static_cast<int64_t>(sequence.size());
  if (n <= 0 || length + 1 < n) return;
  const auto last = sequence.subspan(static_cast<size_t>(length - n + 1));  // the start of a repeated n-gram
  for (int64_t i = 0; i + n <= length; ++i) {
    const auto gram = sequence.subspan(static_cast<size_t>(i), static_cast<size_t>(n));
    if (std::equal(last.begin(), last.end(), gram.begin()))
      scores[static_cast<size_t>(gram.back())] = -std::numeric_limits<float>::infinity();
  }
}

int32_t best(std::span<const float> scores) {
  return static_cast<int32_t>(std::max_element(scores.begin(), scores.end()) - scores.begin());
}

int32_t sample_token(std::span<const float> scores, double temperature, int64_t top_k, double top_p, double draw) {
  std::vector<int32_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  const auto score = [&](int32_t token) { return scores[static_cast<size_t>(token)]; };
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return score(a) > score(b); });
  if (top_k > 0) order.resize(std::min(order.size(), static_cast<size_t>(top_k)));
  std::vector<double> weight;
  for (const int32_t token : order)
    weight.push_back(std::exp((static_cast<double>(score(token)) - score(order[0])) / temperature));
  const double total = std::accumulate(weight.begin(), weight.end(), 0.0);
  size_t kept = 0;
  double sum = 0;
  while (kept < weight.size() && (kept == 0 || sum < top_p * total)) sum += weight[kept++];
  double left = draw * sum;
  for (size_t i = 0; i + 1 < kept; ++i) {
    if (left < weight[i]) return order[i];
    left -= weight[i];
  }
  return order[kept - 1];
}

}  // namespace filigree::generate
