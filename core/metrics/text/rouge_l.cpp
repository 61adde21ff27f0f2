#include "core/metrics/text/rouge_l.h"

#include <algorithm>

namespace filigree::text_metrics {
namespace {

constexpr double kBeta = 1.2;

/// Length of the longest common subsequence; keeps one row of the table at a time.
size_t common_length(const Tokens& a, const Tokens& b) {
  std::vector<size_t> row(b.size() + 1);
  for (const auto& token : a) {
    size_t diagonal = 0;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = token == b[j - 1] ? diagonal + 1 : std::max(above, row[j - 1]);
      diagonal = above;
    }
  }
  return row.back();
}

double score(const TokenizedSample& sample) {
  double precision = 0, recall = 0;
  for (const auto& reference : sample.references) {
    const auto common = static_cast<double>(common_length(sample.hypothesis, reference));
    if (common == 0) continue;
    precision = std::max(precision, common / static_cast<double>(sample.hypothesis.size()));
    recall = std::max(recall, common / static_cast<double>(reference.size()));
  }
  if (precision == 0) return 0;
  return (1 + kBeta * kBeta) * precision * recall / (recall + kBeta * kBeta * precision);
}

}  // namespace

MetricValues rouge_l(const std::vector<TextSample>& samples, Tokenization tokenization) {
  double sum = 0;
  for (const auto& sample : tokenize(samples, tokenization, Case::kept)) sum += score(sample);
  return {{"rouge_l", samples.empty() ? 0 : sum / static_cast<double>(samples.size())}};
}

}  // namespace filigree::text_metrics
