#pragma once
// NIST of a corpus against several references (Doddington 2002), as mteval-v13a.pl and the pymteval of e2e-metrics
// compute it:
//
//   info(w_1..w_n) = log2(count(w_1..w_{n-1}) / count(w_1..w_n)), counted over all references of the corpus; the count
//                    of the empty prefix is their number of tokens
//   gain_n         = sum over samples and n-grams of info * min(count in the hypothesis, largest count in one of its
//                    references), divided by the number of n-grams of the hypotheses
//   penalty        = exp(-b * ln(min(1, c / r))^2), b = ln 2 / ln(1.5)^2, so 1/2 if c is two thirds of r;
//                    c: tokens of the hypotheses, r: sum over samples of the mean length of the references
//   NIST           = penalty * (gain_1 + ... + gain_5), from 0 with no upper limit (8 to 9 on E2E)
//
// Tokens are those of 13a, in lower case (mteval lowercases only ASCII letters). r is as in pymteval;
// mteval.pl divides the tokens of all references by the mean number of references, which is the same if every
// sample has equally many. A hypothesis too short for an n-gram counts 0 of them, as in mteval.pl; pymteval
// counts a negative number. NIST is 0 if nothing matches, without samples, and if all references are empty.
#include <vector>

#include "core/metrics/text/text_sample.h"

namespace filigree::text_metrics {

/// "nist" and its parts: "gain_1" to "gain_5" and "length_penalty" (0 to 1).
MetricValues nist(const std::vector<TextSample>& samples);

}  // namespace filigree::text_metrics
