#pragma once
// What a run's files say, for its report: metrics.jsonl, recipe.yaml and plans/*.json.
// Lines and values that cannot be read are passed over, so that the report of a killed or running run can be made.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace filigree::train {

struct TrainRecord {
  std::string stage;
  int64_t step = 0;  ///< over all stages
  std::optional<double> loss, lr, tokens_per_s, step_ms;
};

struct EvalRecord {
  std::string stage, split;
  std::string metric;  ///< that the run is judged by; empty in files of older versions
  int64_t step = 0;
  std::map<std::string, double> values;  ///< loss and metrics

  std::optional<double> value(const std::string& name) const;
};

struct PruneRecord {
  std::string stage;
  int64_t step = 0;
  size_t evals_before = 0;  ///< evaluations that stand before it in the file
  std::vector<int64_t> heads_left, ffn_left;
  std::optional<double> sparsity, flops_ratio;
};

struct StageRecord {
  std::string name;
  std::optional<int64_t> steps, trainable, total, comm_bytes, full_comm_bytes;
  int64_t first_step = 0, last_step = 0;  ///< steps done before it and with it
  std::map<std::string, int64_t> comm;    ///< bytes of its last logged step by axis and purpose: "tp.forward"
};

/// One layer's heads or neurons: how many there were, and the original numbers of those left.
struct LayerShape {
  int64_t total = 0;
  std::vector<int64_t> kept;
};
using Shapes = std::map<int64_t, LayerShape>;  ///< by layer

struct RunData {
  std::string dir, name, recipe;  ///< recipe: the text of recipe.yaml
  std::string metric;             ///< that the run is judged by; empty without an evaluation
  std::string split;              ///< the first one evaluated
  bool finished = false;
  std::vector<TrainRecord> train;
  std::vector<EvalRecord> evals;
  std::vector<PruneRecord> prunes;
  std::vector<StageRecord> stages;  ///< in order of their first line
  Shapes heads, neurons;            ///< after the last plan; empty when nothing was pruned structurally
  int64_t last_step = 0;

  /// The last evaluation before the first prune (the last of all without one), right after the last prune, and the
  /// last.
  const EvalRecord* adapted() const;
  const EvalRecord* just_pruned() const;
  const EvalRecord* recovered() const;
};

/// DataError when there is no such run, or nothing in its metrics.jsonl.
RunData read_run(const std::string& run_dir);

}  // namespace filigree::train
