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

/// For each n-gram its largest count in any of the texts: what a hypothesis may repeat it and still be right.
NgramCounts largest_counts(const std::vector<Tokens>& texts, size_t orders);

/// The count of an n-gram, 0 when it is not there.
int64_t count_of(const NgramTable& table, std::string_view ngram);

/// n-grams of a text of so many tokens; 0 for a text that is too short.
int64_t number_of_ngrams(size_t tokens, size_t n);

}  // namespace filigree::text_metrics
