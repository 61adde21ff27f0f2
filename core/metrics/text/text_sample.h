#pragma once
// The input of the text metrics: generated texts, each with its references.
#include <map>
#include <string>
#include <vector>

namespace filigree::text_metrics {

/// Texts are UTF-8. A byte that is not UTF-8 counts as part of its word.
struct TextSample {
  std::string hypothesis;               ///< may be empty
  std::vector<std::string> references;  ///< at least one, in any order; their number may differ from sample to sample
};

/// Values by name, as every metric returns them.
using MetricValues = std::map<std::string, double>;

/// The references of one sample.
using References = std::vector<std::string>;

}  // namespace filigree::text_metrics
