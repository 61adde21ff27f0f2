#pragma once
// ROUGE-L (Lin 2004) as pycocoevalcap computes it: the mean over samples of
//
//   F = (1 + beta^2) P R / (R + beta^2 P), beta = 1.2
//   P = max over references of LCS / tokens of the hypothesis, R = max over references of LCS / tokens of the reference
//
// LCS: length of the longest common subsequence of tokens. P and R may come from different references. From 0 to 1. A
// sample whose hypothesis is empty or shares no token with a reference counts as 0; an empty reference adds
// nothing. Without samples, the result is 0. Tokens are those of `caption` (tokenize.h) unless another
// tokenization is given.
#include <vector>

#include "core/metrics/text/text_sample.h"
#include "core/metrics/text/tokenize.h"

namespace filigree::text_metrics {

/// "rouge_l".
MetricValues rouge_l(const std::vector<TextSample>& samples, Tokenization tokenization = Tokenization::caption);

}  // namespace filigree::text_metrics
