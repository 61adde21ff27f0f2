#include "core/metrics/text/ngrams.h"

#include <algorithm>

namespace filigree::text_metrics {

NgramCounts count_ngrams(const Tokens& tokens, size_t orders) {
  NgramCounts counts(orders);
  for (size_t begin = 0; begin < tokens.size(); ++begin) {
    std::string ngram;
    for (size_t n = 1; n <= std::min(orders, tokens.size() - begin); ++n) {
      if (n > 1) ngram += ' ';
      ngram += tokens[begin + n - 1];
      ++counts[n - 1][ngram];
    }
  }
  return counts;
}

NgramCounts largest_counts(const std::vector<Tokens>& texts, size_t orders) {
  NgramCounts largest(orders);
  for (const auto& text : texts) {
    const auto counts = count_ngrams(text, orders);
    for (size_t n = 0; n < orders; ++n) {
      for (const auto& [ngram, count] : counts[n]) {
        auto& most = largest[n][ngram];
        most = std::max(most, count);
      }
    }
  }
  return largest;
}

int64_t count_of(const NgramTable& table, std::string_view ngram) {
  const auto found = table.find(ngram);
  return found == table.end() ? 0 : found->second;
}

int64_t number_of_ngrams(size_t tokens, size_t n) { return tokens < n ? 0 : static_cast<int64_t>(tokens - n + 1); }

}  // namespace filigree::text_metrics
