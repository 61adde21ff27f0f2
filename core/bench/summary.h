#pragma once
// The runs of each method as one row: mean and standard deviation over the seeds.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/bench/result.h"

namespace filigree::bench {

struct Spread {
  double mean = 0;
  std::optional<double> deviation;  ///< of the sample, divided by n - 1; empty for one value
};

/// Empty without values.
std::optional<Spread> spread_of(const std::vector<double>& values);

/// Numbers other than the metric are means over the runs that have them; the peak memory is the largest.
struct MethodSummary {
  std::string method;
  bool external = false;
  std::string metric, split;
  std::vector<double> values;  ///< of the metric, by run
  std::optional<Spread> spread;
  int64_t done = 0, failed = 0;  ///< runs
  std::optional<double> trainable, total, trainable_share, sparsity, flops_share, bytes_per_step, bytes_share, step_ms,
      seconds, peak_memory_bytes;
};

/// One per method, in the order of their first run.
std::vector<MethodSummary> summarize(const std::vector<RunResult>& results);

}  // namespace filigree::bench
