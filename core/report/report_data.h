#pragma once
// The contents of a run's files for its report: metrics.jsonl, recipe.yaml, plans/*.json, the end of log.txt.
// Unreadable lines and values are skipped, so that a killed or running run can have a report.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/log/records.h"

namespace filigree::train {

struct PruneSummary {
  PruneRecord record;
  size_t evals_before = 0;  ///< evaluations before it in the file
};

struct StageSummary {
  std::string name;
  StageRecord record;                     ///< empty if the stage has none
  int64_t first_step = 0, last_step = 0;  ///< completed steps before and after the stage
  std::map<std::string, uint64_t> comm;   ///< bytes of its last logged step by axis and purpose: "tp.forward"
};

/// One layer's heads or neurons: the original count, and the original indices of those kept.
struct LayerShape {
  int64_t total = 0;
  std::vector<int64_t> kept;
};
using Shapes = std::map<int64_t, LayerShape>;  ///< by layer

/// Beyond it, sums and differences of two values need not be finite.
inline constexpr double kMostDrawn = 1e100;

/// A value of a record if it can be drawn: finite, and not beyond kMostDrawn.
std::optional<double> drawable(const std::optional<double>& value);

struct RunData {
  std::string dir, name, recipe;  ///< recipe: the text of recipe.yaml
  std::string metric;             ///< main metric of the run; empty without an evaluation
  std::string split;              ///< the first one evaluated
  bool finished = false;
  std::string error;  ///< that ended the last start, if the run is not finished
  std::vector<TrainRecord> train;
  std::vector<EvalRecord> evals;
  std::vector<PruneSummary> prunes;
  std::optional<ModelRecord> start, end;  ///< of a model that was pruned before the run, and that is pruned at its end
  std::vector<StageSummary> stages;       ///< in order of their first line
  Shapes heads, neurons;                  ///< after the last plan; empty when nothing was pruned structurally
  int64_t last_step = 0;

  /// The last evaluation before the first prune (without a prune: the last), the one right after the last prune, and
  /// the last one after the last prune.
  const EvalRecord* adapted() const;
  const EvalRecord* just_pruned() const;
  const EvalRecord* recovered() const;
};

/// DataError if there is no such run, or its metrics.jsonl has no readable line. A run that ended before its first step
/// has a log.txt and no lines: its data are empty.
RunData read_run(const std::string& run_dir);

}  // namespace filigree::train
