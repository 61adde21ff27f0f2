#pragma once
// CIDEr-D (Vedantam, Zitnick and Parikh 2015) as the class Cider of pycocoevalcap computes it, which e2e-metrics prints
// as CIDEr:
//
//   g_n(text)   for each of its n-grams: count * (ln N - ln max(1, df)), N samples, df: samples with it in some
//   reference sim_n(h, r) = sum over n-grams of min(g_n(h), g_n(r)) * g_n(r) / (|g_n(h)| |g_n(r)|)
//                 * exp(-(l(h) - l(r))^2 / (2 sigma^2)), sigma = 6, l: number of bigrams
//   CIDEr       = 10 * mean over samples, n = 1..4 and references of sim_n
//
// From 0 to 10. Counts are not divided by the length of the text. A sample whose hypothesis shares no n-gram with its
// references counts 0, an order that a text is too short for counts 0. With one sample all weights are 0 and so is
// CIDEr: the figure belongs to a whole corpus. Tokens are the caption metrics' (tokenize.h) unless `words` is asked
// for.
#include <vector>

#include "core/metrics/text/scored.h"
#include "core/metrics/text/tokenize.h"

namespace filigree::text_metrics {

/// "cider".
Figures cider(const std::vector<Scored>& samples, Tokenization tokenization = Tokenization::caption);

}  // namespace filigree::text_metrics
