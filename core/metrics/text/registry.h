#pragma once
// The metrics of generated text by name:
//
//   bleu         BLEU, 13a, upper and lower case told apart; 0 to 100 (bleu.h)
//   bleu_lower   the same in lower case, as the E2E results are reported; 0 to 100
//   nist         NIST, from 0 with no upper limit (nist.h)
//   rouge_l      ROUGE-L; 0 to 1 (rouge_l.h)
//   cider        CIDEr-D; 0 to 10 (cider.h)
//
// The remaining figure of e2e-metrics, METEOR, needs a Java program with tables of its own (paraphrases, synonyms,
// stems) and is not here. LoRA's tables give BLEU and ROUGE-L in percent, NIST and CIDEr as they are.
//
// All are figures of a whole corpus: BLEU, NIST and CIDEr are not means over samples, so ranks must bring their samples
// together before they compute. None depends on the order of the samples beyond rounding.
#include <string>
#include <vector>

#include "core/metrics/text/scored.h"

namespace filigree::text_metrics {

/// Names that compute() takes.
const std::vector<std::string>& text_metric_names();

/// One value for each name. UsageError for a name that is none, DataError for a sample without a reference.
Figures compute(const std::vector<std::string>& names, const std::vector<Scored>& samples);

}  // namespace filigree::text_metrics
