#include "core/metrics/text/nist.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

#include "core/metrics/text/ngrams.h"

namespace filigree::text_metrics {
namespace {

constexpr size_t kOrders = 5;

/// The counts of each n-gram in the references of all samples.
struct Corpus {
  NgramCounts counts{kOrders};
  int64_t tokens = 0;

  explicit Corpus(const std::vector<TokenizedSample>& samples) {
    for (const auto& sample : samples) {
      for (const auto& reference : sample.references) add(reference);
    }
  }

  void add(const Tokens& reference) {
    tokens += static_cast<int64_t>(reference.size());
    const auto own = count_ngrams(reference, kOrders);
    for (size_t n = 0; n < kOrders; ++n) {
      for (const auto& [ngram, count] : own[n]) counts[n][ngram] += count;
    }
  }

  /// The n-gram must occur in the references.
  double info(size_t n, std::string_view ngram) const {
    const auto prefix = ngram.substr(0, n == 1 ? 0 : ngram.rfind(' '));
    const auto before = n == 1 ? tokens : count_of(counts[n - 2], prefix);
    return std::log2(static_cast<double>(before) / static_cast<double>(count_of(counts[n - 1], ngram)));
  }
};

std::array<double, kOrders> gains(const std::vector<TokenizedSample>& samples) {
  const Corpus corpus(samples);
  std::array<double, kOrders> gains{}, ngrams{};
  for (const auto& sample : samples) {
    const auto own = count_ngrams(sample.hypothesis, kOrders), allowed = largest_counts(sample.references, kOrders);
    for (size_t n = 0; n < kOrders; ++n) {
      ngrams[n] += static_cast<double>(number_of_ngrams(sample.hypothesis.size(), n + 1));
      for (const auto& [ngram, count] : own[n]) {
        const auto matches = std::min(count, count_of(allowed[n], ngram));
        if (matches) gains[n] += corpus.info(n + 1, ngram) * static_cast<double>(matches);
      }
    }
  }
  for (size_t n = 0; n < kOrders; ++n) gains[n] = ngrams[n] == 0 ? 0 : gains[n] / ngrams[n];
  return gains;
}

double length_penalty(const std::vector<TokenizedSample>& samples) {
  double own = 0, expected = 0;
  for (const auto& sample : samples) {
    own += static_cast<double>(sample.hypothesis.size());
    double tokens = 0;
    for (const auto& reference : sample.references) tokens += static_cast<double>(reference.size());
    expected += tokens / static_cast<double>(sample.references.size());
  }
  if (own >= expected) return 1;
  if (own == 0) return 0;
  const double beta = std::log(2) / std::pow(std::log(1.5), 2);
  return std::exp(-beta * std::pow(std::log(own / expected), 2));
}

}  // namespace

MetricValues nist(const std::vector<TextSample>& samples) {
  const auto tokenized = tokenize(samples, Tokenization::mteval_13a, Case::lower);
  const auto gain = gains(tokenized);
  MetricValues figures;
  double sum = 0;
  for (size_t n = 0; n < kOrders; ++n) sum += figures[fmt::format("gain_{}", n + 1)] = gain[n];
  figures["length_penalty"] = length_penalty(tokenized);
  figures["nist"] = figures["length_penalty"] * sum;
  return figures;
}

}  // namespace filigree::text_metrics
