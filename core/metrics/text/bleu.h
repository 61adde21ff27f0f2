#pragma once
// BLEU of a corpus against several references (Papineni et al. 2002), as in sacrebleu's corpus_bleu with its
// defaults:
//
//   p_n   = sum over samples and n-grams of min(count in the hypothesis, largest count in one of its
//           references), divided by the number of n-grams of the hypotheses
//   BP    = 1 if c >= r, else exp(1 - r / c); c: tokens of the hypotheses, r: tokens of each sample's
//           reference closest in length (the shorter of two equally close)
//   BLEU  = 100 * BP * exp((ln p_1 + ... + ln p_4) / 4), 0 to 100
//
// A p_n of 0 is smoothed to 1 / (2^k * n-grams) for the k-th such n ('exp', as in mteval-v13a). BLEU is 0 if
// no token matches or no hypothesis has four tokens; a sample with an empty hypothesis adds only to r.
//
// e2e-metrics, which LoRA's results use, lowercases all text (Case::lower) and returns BLEU from 0 to 1. It
// agrees if every hypothesis has four or more tokens and some 4-gram matches: it counts a negative number of
// n-grams for a shorter hypothesis, and it does not smooth.
#include <vector>

#include "core/metrics/text/text_sample.h"
#include "core/metrics/text/tokenize.h"

namespace filigree::text_metrics {

struct BleuOptions {
  Tokenization tokenization = Tokenization::mteval_13a;
  Case letters = Case::kept;
};

/// "bleu" and its parts: "precision_1" to "precision_4" (0 to 100, smoothed), "brevity_penalty" (0 to 1),
/// "hypothesis_tokens" (c) and "reference_tokens" (r). Without samples, all are 0 except the penalty (1).
MetricValues bleu(const std::vector<TextSample>& samples, const BleuOptions& options = {});

}  // namespace filigree::text_metrics
