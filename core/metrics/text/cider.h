#pragma once
// CIDEr-D (Vedantam, Zitnick and Parikh 2015) as the class Cider of pycocoevalcap computes it; e2e-metrics
// prints it as CIDEr:
//
//   g_n(text)   for each n-gram of the text: count * (ln N - ln max(1, df)); N: number of samples, df:
//               number of samples with the n-gram in some reference
//   sim_n(h, r) = sum over n-grams of min(g_n(h), g_n(r)) * g_n(r) / (|g_n(h)| |g_n(r)|)
//                 * exp(-(l(h) - l(r))^2 / (2 sigma^2)), sigma = 6, l: number of bigrams
//   CIDEr       = 10 * mean over samples, n = 1..4 and references of sim_n
//
// From 0 to 10. Counts are not divided by the length of the text. A sample whose hypothesis shares no n-gram with its
// references counts as 0, and so does an order for which a text is too short. With one sample all weights are
// 0, and so is CIDEr: it is a metric of a whole corpus. Tokens are those of `caption` (tokenize.h) unless
// another tokenization is given.
#include <vector>

#include "core/metrics/text/text_sample.h"
#include "core/metrics/text/tokenize.h"

namespace filigree::text_metrics {

/// "cider".
MetricValues cider(const std::vector<TextSample>& samples, Tokenization tokenization = Tokenization::caption);

}  // namespace filigree::text_metrics
