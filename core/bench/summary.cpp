#include "core/bench/summary.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace filigree::bench {
namespace {

using Values = std::vector<double>;

std::optional<double> mean_of(const Values& values) {
  const auto spread = spread_of(values);
  return spread ? std::optional(spread->mean) : std::nullopt;
}

/// `get` gives a number of a run, or nothing.
template <class Get>
Values collect(const std::vector<const RunResult*>& runs, const Get& get) {
  Values values;
  for (const RunResult* run : runs)
    if (const auto value = get(*run)) values.push_back(static_cast<double>(*value));
  return values;
}

void add_numbers(const std::vector<const RunResult*>& runs, MethodSummary& summary) {
  const auto mean = [&](const auto& field) {
    return mean_of(collect(runs, [&](const RunResult& run) { return run.*field; }));
  };
  summary.trainable = mean(&RunResult::trainable);
  summary.total = mean(&RunResult::total);
  summary.trainable_share = mean_of(collect(runs, [](const RunResult& run) { return run.trainable_share(); }));
  summary.sparsity = mean(&RunResult::sparsity);
  summary.flops_share = mean(&RunResult::flops_share);
  summary.bytes_per_step = mean(&RunResult::bytes_per_step);
  summary.bytes_share = mean(&RunResult::bytes_share);
  summary.step_ms = mean(&RunResult::step_ms);
  summary.seconds = mean(&RunResult::seconds);
  const Values peaks = collect(runs, [](const RunResult& run) { return run.peak_memory_bytes; });
  if (!peaks.empty()) summary.peak_memory_bytes = *std::ranges::max_element(peaks);
}

MethodSummary summary_of(const std::string& method, const std::vector<RunResult>& results) {
  MethodSummary summary;
  summary.method = method;
  std::vector<const RunResult*> done;
  for (const RunResult& run : results) {
    if (run.method != method) continue;
    summary.external = run.external;
    if (run.failed()) {
      ++summary.failed;
      continue;
    }
    done.push_back(&run);
    summary.metric = run.metric;
    summary.split = run.split;
  }
  summary.done = static_cast<int64_t>(done.size());
  summary.values = collect(done, [](const RunResult& run) { return run.value; });
  summary.spread = spread_of(summary.values);
  add_numbers(done, summary);
  return summary;
}

}  // namespace

std::optional<Spread> spread_of(const std::vector<double>& values) {
  if (values.empty()) return std::nullopt;
  // The squares of a large perplexity are beyond a double.
  const auto count = static_cast<long double>(values.size());
  const long double mean = std::accumulate(values.begin(), values.end(), 0.0L) / count;
  Spread spread{.mean = static_cast<double>(mean), .deviation = {}};
  if (values.size() == 1) return spread;
  long double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  spread.deviation = static_cast<double>(std::sqrt(squares / (count - 1)));
  return spread;
}

std::vector<MethodSummary> summarize(const std::vector<RunResult>& results) {
  std::vector<MethodSummary> summaries;
  for (const RunResult& run : results)
    if (std::ranges::find(summaries, run.method, &MethodSummary::method) == summaries.end())
      summaries.push_back(summary_of(run.method, results));
  return summaries;
}

}  // namespace filigree::bench
