#include "core/metrics/text/bleu.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

#include "core/metrics/text/ngrams.h"

namespace filigree::text_metrics {
namespace {

constexpr size_t kOrders = 4;

struct Totals {
  std::array<int64_t, kOrders> matches{}, ngrams{};
  int64_t hypothesis = 0, reference = 0;  ///< tokens
};

int64_t closest_length(const TokenizedSample& sample) {
  const auto own = static_cast<int64_t>(sample.hypothesis.size());
  int64_t closest = -1;
  for (const auto& reference : sample.references) {
    const auto length = static_cast<int64_t>(reference.size());
    const auto gap = std::abs(length - own), best = std::abs(closest - own);
    if (closest < 0 || gap < best || (gap == best && length < closest)) closest = length;
  }
  return closest;
}

Totals total(const std::vector<TokenizedSample>& samples) {
  Totals totals;
  for (const auto& sample : samples) {
    totals.hypothesis += static_cast<int64_t>(sample.hypothesis.size());
    totals.reference += closest_length(sample);
    const auto own = count_ngrams(sample.hypothesis, kOrders), allowed = largest_counts(sample.references, kOrders);
    for (size_t n = 0; n < kOrders; ++n) {
      totals.ngrams[n] += number_of_ngrams(sample.hypothesis.size(), n + 1);
      for (const auto& [ngram, count] : own[n]) totals.matches[n] += std::min(count, count_of(allowed[n], ngram));
    }
  }
  return totals;
}

/// In percent; 0 for an order without n-grams, and for all orders if no token matches.
std::array<double, kOrders> precisions(const Totals& totals) {
  std::array<double, kOrders> precisions{};
  if (totals.matches[0] == 0) return precisions;
  double smooth = 1;
  for (size_t n = 0; n < kOrders && totals.ngrams[n] > 0; ++n) {
    const double matches = totals.matches[n] ? static_cast<double>(totals.matches[n]) : 1 / (smooth *= 2);
    precisions[n] = 100 * matches / static_cast<double>(totals.ngrams[n]);
  }
  return precisions;
}

double brevity_penalty(const Totals& totals) {
  if (totals.hypothesis >= totals.reference) return 1;
  if (totals.hypothesis == 0) return 0;
  return std::exp(1 - static_cast<double>(totals.reference) / static_cast<double>(totals.hypothesis));
}

}  // namespace

MetricValues bleu(const std::vector<TextSample>& samples, const BleuOptions& options) {
  const auto totals = total(tokenize(samples, options.tokenization, options.letters));
  const auto p = precisions(totals);
  MetricValues figures;
  double log_sum = 0;
  for (size_t n = 0; n < kOrders; ++n) {
    figures[fmt::format("precision_{}", n + 1)] = p[n];
    log_sum += std::log(p[n]);
  }
  figures["brevity_penalty"] = brevity_penalty(totals);
  figures["hypothesis_tokens"] = static_cast<double>(totals.hypothesis);
  figures["reference_tokens"] = static_cast<double>(totals.reference);
  figures["bleu"] = brevity_penalty(totals) * std::exp(log_sum / kOrders);
  return figures;
}

}  // namespace filigree::text_metrics
