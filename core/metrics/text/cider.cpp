#include "core/metrics/text/cider.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/metrics/text/ngrams.h"

namespace filigree::text_metrics {
namespace {

constexpr size_t kOrders = 4;
constexpr double kSigma = 6;

/// For each n-gram, the number of samples that have it in at least one reference.
NgramCounts document_frequencies(const std::vector<TokenizedSample>& samples) {
  NgramCounts frequencies(kOrders);
  for (const auto& sample : samples) {
    const auto seen = largest_counts(sample.references, kOrders);
    for (size_t n = 0; n < kOrders; ++n) {
      for (const auto& [ngram, count] : seen[n]) ++frequencies[n][ngram];
    }
  }
  return frequencies;
}

struct Weighted {
  std::array<std::map<std::string, double, std::less<>>, kOrders> weights;
  std::array<double, kOrders> norms{};
  double bigrams = 0;
};

class Weigher {
 public:
  explicit Weigher(const std::vector<TokenizedSample>& samples)
      : frequencies_(document_frequencies(samples)), log_samples_(std::log(static_cast<double>(samples.size()))) {}

  Weighted operator()(const Tokens& text) const {
    Weighted weighted;
    weighted.bigrams = static_cast<double>(number_of_ngrams(text.size(), 2));
    const auto counts = count_ngrams(text, kOrders);
    for (size_t n = 0; n < kOrders; ++n) {
      double squares = 0;
      for (const auto& [ngram, count] : counts[n]) {
        const auto frequency = static_cast<double>(std::max<int64_t>(1, count_of(frequencies_[n], ngram)));
        const double weight = static_cast<double>(count) * (log_samples_ - std::log(frequency));
        weighted.weights[n].emplace(ngram, weight);
        squares += weight * weight;
      }
      weighted.norms[n] = std::sqrt(squares);
    }
    return weighted;
  }

 private:
  NgramCounts frequencies_;
  double log_samples_;
};

/// Sum of sim_n over the orders.
double similarity(const Weighted& hypothesis, const Weighted& reference) {
  double sum = 0;
  for (size_t n = 0; n < kOrders; ++n) {
    const double norms = hypothesis.norms[n] * reference.norms[n];
    if (norms == 0) continue;
    double product = 0;
    for (const auto& [ngram, weight] : hypothesis.weights[n]) {
      const auto found = reference.weights[n].find(ngram);
      if (found != reference.weights[n].end()) product += std::min(weight, found->second) * found->second;
    }
    sum += product / norms;
  }
  const double gap = hypothesis.bigrams - reference.bigrams;
  return sum * std::exp(-gap * gap / (2 * kSigma * kSigma));
}

}  // namespace

MetricValues cider(const std::vector<TextSample>& samples, Tokenization tokenization) {
  const auto tokenized = tokenize(samples, tokenization, Case::kept);
  const Weigher weigh(tokenized);
  double sum = 0;
  for (const auto& sample : tokenized) {
    const auto hypothesis = weigh(sample.hypothesis);
    double own = 0;
    for (const auto& reference : sample.references) own += similarity(hypothesis, weigh(reference));
    sum += own / static_cast<double>(kOrders * sample.references.size());
  }
  return {{"cider", samples.empty() ? 0 : 10 * sum / static_cast<double>(samples.size())}};
}

}  // namespace filigree::text_metrics
