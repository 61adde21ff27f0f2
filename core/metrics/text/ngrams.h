#pragma once
// Counts of n-grams, one table per order: counts[n - 1] holds the n-grams. An n-gram is its tokens joined by spaces,
// which no token contains. Tables are ordered, so sums over them do not depend on a hash.
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/metrics/text/tokenize.h"

namespace filigree::text_metrics {

using NgramTable = std::map<std::string, int64_t, std::less<>>;
using NgramCounts = std::vector<NgramTable>;

NgramCounts count_ngrams(const Tokens& tokens, size_t orders);

/// For each n-gram, its largest count in any of the texts: at most this many of a hypothesis match.
NgramCounts largest_counts(const std::vector<Tokens>& texts, size_t orders);

/// The count of an n-gram; 0 if it does not occur.
int64_t count_of(const NgramTable& table, std::string_view ngram);

/// The number of n-grams in a text of `tokens` tokens; 0 if the text is too short.
int64_t number_of_ngrams(size_t tokens, size_t n);

}  // namespace filigree::text_metrics
