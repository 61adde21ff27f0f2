#pragma once
// bench.svg: a row per method. On the left, the metric of each seed, the mean and one standard deviation; on the right,
// what the method costs: its bytes per step as a share of full fine-tuning's or, without them, the share of parameters
// that it trains.
#include <string>
#include <vector>

#include "core/bench/summary.h"

namespace filigree::bench {

std::string draw_plot(const std::string& name, const std::vector<MethodSummary>& methods);

}  // namespace filigree::bench
