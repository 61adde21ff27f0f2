#pragma once
// What a run of one method with one seed gives: a row of runs.csv. The numbers are those that the run recorded itself
// (metrics.jsonl), except for the seconds and the peak memory, which the process that started it measured.
//
// result.cpp names each column once, for the CSV files, the saved results and the results of other programs.
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/report/report_data.h"

namespace filigree::bench {

struct RunResult {
  std::string method;
  int64_t seed = 0;
  bool external = false;  ///< made by another program
  std::string error;      ///< why it failed; empty: it is done
  std::string metric, split;
  std::optional<double> value;               ///< of the metric, at the end of the run
  std::optional<int64_t> steps;              ///< optimizer steps of all stages
  std::optional<int64_t> trainable, total;   ///< parameters, in the stage that trains most
  std::optional<double> sparsity;            ///< share of zeros in the encoder's weights, with updates merged
  std::optional<double> flops_share;         ///< FLOPs of a forward pass, of the unpruned model's
  std::optional<double> bytes_per_step;      ///< rank 0 to collectives, mean over the logged steps
  std::optional<double> bytes_share;         ///< of full fine-tuning's
  std::optional<double> step_ms;             ///< median over the logged steps
  std::optional<double> seconds;             ///< of the process, over all its starts
  std::optional<int64_t> peak_memory_bytes;  ///< resident memory of the rank that needs most

  bool failed() const { return !error.empty(); }
  std::optional<double> trainable_share() const;
  bool operator==(const RunResult&) const = default;
};

/// The numbers in a run's records. Those that the records lack are empty: bytes per step of a run on one rank.
RunResult measured(const train::RunData& run);

/// The columns of runs.csv, in their order: "method", "seed", "status", ...
const std::vector<std::string>& columns();

/// An object with the columns as keys; without those that are empty.
nlohmann::ordered_json to_json(const RunResult& result);

/// The inverse. Derived columns (trainable_share) are ignored. DataError "WHERE: key: message" if a key is not a
/// column, or a value has another type or is out of range.
RunResult result_from_json(const nlohmann::json& object, const std::string& where);

}  // namespace filigree::bench
