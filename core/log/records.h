#pragma once
// The lines of metrics.jsonl, one JSON object each. The trainer writes these structs; the report and the summary of a
// run read them. records.cpp names each key once, for both.
//
// "kind" comes first, then "stage", "step" and "split". Values that are not finite are written as null. Lines of other
// versions and edited ones can be read: unknown keys are ignored, and a value that is absent, null or of another type
// is left empty.
#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace filigree::train {

/// Bytes by axis and purpose, as in core/parallel/comm_bytes.h.
using CommByAxis = std::map<std::string, std::map<std::string, uint64_t>>;

/// A stage begins to train.
struct StageRecord {
  static constexpr const char* kKind = "stage";
  std::string stage;
  std::optional<int64_t> steps = {}, trainable = {}, total = {};  ///< trainable, total: numbers of parameters
  std::optional<int64_t> weight_bytes = {};                       ///< of this rank
  std::optional<int64_t> comm_bytes_per_step = {}, full_comm_bytes_per_step = {};  ///< full: if all parameters trained
  bool operator==(const StageRecord&) const = default;
};

/// A training step, or a step that was not made because its loss or gradient norm is not finite: it ends the run.
struct TrainRecord {
  static constexpr const char* kKind = "train";
  std::string stage;
  int64_t step = 0;  ///< over all stages
  std::optional<int64_t> stage_step = {};
  std::optional<double> epoch = {}, loss = {}, lr = {}, grad_norm = {}, tokens_per_s = {}, step_ms = {};
  std::optional<int64_t> comm_bytes = {};
  CommByAxis comm = {};
  std::optional<std::string> not_finite = {};  ///< of a step that was not made: "loss" or "grad_norm"
  bool operator==(const TrainRecord&) const = default;
};

/// An evaluation of one split.
struct EvalRecord {
  static constexpr const char* kKind = "eval";
  std::string stage;
  int64_t step = 0;
  std::string split;
  std::string metric = {};  ///< decides which checkpoint is best; empty in files of older versions
  std::optional<int64_t> samples = {};
  std::map<std::string, double> values = {};  ///< loss and metrics: all other numbers of the line
  std::optional<double> value(const std::string& name) const;
  bool operator==(const EvalRecord&) const = default;
};

/// A round of pruning.
struct PruneRecord {
  static constexpr const char* kKind = "prune";
  std::string stage;
  int64_t step = 0;
  std::optional<int64_t> round = {};
  std::vector<int64_t> heads_left = {}, ffn_left = {};  ///< by layer
  std::optional<double> sparsity = {};                  ///< of the base weights
  std::optional<double> merged_sparsity = {};           ///< with the updates merged; empty without an update
  std::optional<double> flops_ratio = {};
  bool operator==(const PruneRecord&) const = default;
};

/// A pruned model, before the first stage of the file and after the last one. A model that is not pruned has none.
struct ModelRecord {
  static constexpr const char* kKind = "model";
  static constexpr const char *kStart = "start", *kEnd = "end";
  std::string stage;
  int64_t step = 0;
  std::string at = kStart;                                                                ///< or kEnd
  std::vector<int64_t> heads_left = {}, heads_total = {}, ffn_left = {}, ffn_total = {};  ///< by layer
  std::optional<double> sparsity = {}, merged_sparsity = {}, flops_ratio = {};            ///< as in PruneRecord
  bool operator==(const ModelRecord&) const = default;
};

using MetricRecord = std::variant<StageRecord, TrainRecord, EvalRecord, PruneRecord, ModelRecord>;

nlohmann::ordered_json to_json(const MetricRecord& record);

/// Nothing if the line is of another kind, or has no stage, or lacks the step that its kind requires.
std::optional<MetricRecord> record_from_json(const nlohmann::json& line);

struct MetricRecords {
  std::vector<MetricRecord> records;
  int64_t lines = 0;  ///< of the file, with those that are not records
};

/// Reads a metrics.jsonl, whose last line may be incomplete. DataError if it cannot be read.
MetricRecords read_records(const std::string& path);

}  // namespace filigree::train
