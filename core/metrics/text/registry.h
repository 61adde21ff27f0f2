#pragma once
// The metrics of generated text by name:
//
//   bleu         BLEU, 13a, case-sensitive; 0 to 100 (bleu.h)
//   bleu_lower   the same in lower case, as in reported E2E results; 0 to 100
//   nist         NIST, from 0 with no upper limit (nist.h)
//   rouge_l      ROUGE-L; 0 to 1 (rouge_l.h)
//   cider        CIDEr-D; 0 to 10 (cider.h)
//
// METEOR, the remaining metric of e2e-metrics, is not supported: it needs a Java program with its own tables
// (paraphrases, synonyms, stems). LoRA's tables give BLEU and ROUGE-L in percent, NIST and CIDEr unscaled.
//
// All are metrics of a whole corpus: BLEU, NIST and CIDEr are not means over samples, so ranks must gather
// their samples before they compute. None depends on the order of the samples, except for rounding.
#include <string>
#include <vector>

#include "core/metrics/text/text_sample.h"

namespace filigree::text_metrics {

/// Names that compute() takes.
const std::vector<std::string>& text_metric_names();

/// One value per name. Throws UsageError for an unknown name, DataError for a sample without a reference.
MetricValues compute(const std::vector<std::string>& names, const std::vector<TextSample>& samples);

}  // namespace filigree::text_metrics
