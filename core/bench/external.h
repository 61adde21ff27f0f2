#pragma once
// Results of another program for a row of the table: JSON or CSV, by the end of the file's name.
//
//   {"runs": [{"seed": 1, "metric": "accuracy", "split": "dev", "value": 0.91, "seconds": 120}, ...]}
//
// The keys of a run, and the columns of a CSV, are those of runs.csv; seed, metric and value are required. All runs have
// one metric and one split. Numbers are at most 1e15 in size. Rows of another "method" are passed over, so that a file
// may have several.
#include <string>
#include <vector>

#include "core/bench/list.h"
#include "core/bench/result.h"

namespace filigree::bench {

/// One result per seed, in their order. What the file does not give, or cannot be read, is a failed result.
std::vector<RunResult> external_results(const Method& method, const std::vector<int64_t>& seeds);

}  // namespace filigree::bench
