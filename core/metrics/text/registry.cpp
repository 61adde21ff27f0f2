#include "core/metrics/text/registry.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/error.h"
#include "core/metrics/text/bleu.h"
#include "core/metrics/text/cider.h"
#include "core/metrics/text/nist.h"
#include "core/metrics/text/rouge_l.h"

namespace filigree::text_metrics {
namespace {

double value_of(const std::string& name, const std::vector<TextSample>& samples) {
  if (name == "bleu") return bleu(samples).at("bleu");
  if (name == "bleu_lower") return bleu(samples, {Tokenization::mteval_13a, Case::lower}).at("bleu");
  if (name == "nist") return nist(samples).at("nist");
  if (name == "rouge_l") return rouge_l(samples).at("rouge_l");
  return cider(samples).at("cider");
}

}  // namespace

const std::vector<std::string>& text_metric_names() {
  static const std::vector<std::string> names{"bleu", "bleu_lower", "nist", "rouge_l", "cider"};
  return names;
}

MetricValues compute(const std::vector<std::string>& names, const std::vector<TextSample>& samples) {
  const auto& known = text_metric_names();
  for (const auto& name : names) {
    if (std::find(known.begin(), known.end(), name) == known.end())
      throw UsageError(fmt::format("unknown text metric '{}': use one of {}", name, fmt::join(known, ", ")));
  }
  MetricValues values;
  for (const auto& name : names) values[name] = value_of(name, samples);
  return values;
}

}  // namespace filigree::text_metrics
