#pragma once
// BLEU of a corpus against several references (Papineni et al. 2002), as sacrebleu's corpus_bleu with its defaults:
//
//   p_n   = sum over samples of min(count in the hypothesis, largest count in one of its references), over all n-grams,
//           divided by the number of n-grams of the hypotheses
//   BP    = 1 if c >= r, else exp(1 - r / c); c: tokens of the hypotheses, r: of each sample's reference closest in
//           length (the shorter of two equally close)
//   BLEU  = 100 * BP * exp((ln p_1 + ... + ln p_4) / 4), 0 to 100
//
// A p_n of 0 is smoothed to 1 / (2^k * n-grams) for the k-th such n ('exp', mteval-v13a's). BLEU is 0 when no token
// matches, or when no hypothesis has four tokens; a sample with an empty hypothesis adds to r alone.
//
// e2e-metrics, with which LoRA reports, makes all lower case (Case::lower) and gives BLEU as a share of 1. It agrees
// when every hypothesis has four tokens or more and some 4-gram matches: a short hypothesis counts there with a
// negative number of n-grams, and nothing is smoothed.
#include <vector>

#include "core/metrics/text/scored.h"
#include "core/metrics/text/tokenize.h"

namespace filigree::text_metrics {

struct BleuOptions {
  Tokenization tokenization = Tokenization::mteval_13a;
  Case letters = Case::kept;
};

/// "bleu" and its parts: "precision_1" to "precision_4" (0 to 100, smoothed), "brevity_penalty" (0 to 1),
/// "hypothesis_tokens" (c) and "reference_tokens" (r). All 0 without samples, but for the penalty (1).
Figures bleu(const std::vector<Scored>& samples, const BleuOptions& options = {});

}  // namespace filigree::text_metrics
