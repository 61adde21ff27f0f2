#include "core/train/record_model.h"

#include <algorithm>
#include <numeric>
#include <variant>

#include "core/files/run_paths.h"
#include "core/prune/inspect.h"

namespace filigree::train {
namespace {

constexpr double kNoticeable = 0.001;  // of the weights: pretrained ones contain some zeros

/// The stage that the state is at; the last one of a complete run.
std::string stage_name(const Session& session) {
  const auto& stages = session.recipe.stages;
  return stages[std::min(static_cast<size_t>(session.state.stage), stages.size() - 1)].name;
}

bool is_pruned(const ModelRecord& record) {
  return record.heads_left != record.heads_total || record.ffn_left != record.ffn_total ||
         record.sparsity.value_or(0) >= kNoticeable;
}

bool has_masks(nn::Model& model) {
  return std::ranges::any_of(model.linears(), [](const nn::Linear* linear) { return linear->mask() != nullptr; });
}

/// Whether metrics.jsonl says that the run began with a pruned model. Collective.
bool began_pruned(Session& session) {
  std::string found;
  if (session.is_rank_zero()) {
    const auto metrics = read_records(files::RunPaths(session.run_dir).metrics());
    const bool any = std::ranges::any_of(
        metrics.records, [](const MetricRecord& record) { return std::holds_alternative<ModelRecord>(record); });
    found = any ? "pruned" : "";
  }
  return !session.mesh->world().broadcast_text(found).empty();
}

int64_t sum(const std::vector<int64_t>& values) { return std::accumulate(values.begin(), values.end(), int64_t{0}); }

}  // namespace

ModelRecord model_record(Session& session, const std::string& at) {
  auto& tp = session.mesh->tp();
  const auto summary = prune::summarize(*session.model, tp, prune::flops_length(*session.model));
  return {.stage = stage_name(session),
          .step = session.state.global_step,
          .at = at,
          .heads_left = summary.heads_left,
          .heads_total = summary.heads_total,
          .ffn_left = summary.ffn_left,
          .ffn_total = summary.ffn_total,
          .sparsity = summary.sparsity,
          .merged_sparsity = summary.merged_sparsity,
          .flops_ratio = summary.flops / summary.unpruned_flops};
}

void record_last_model(Session& session) {
  const ModelRecord record = model_record(session, ModelRecord::kEnd);
  if (is_pruned(record) || began_pruned(session)) session.log->record(record);
}

void record_first_model(Session& session) {
  const std::string is_first = session.mesh->world().broadcast_text(session.log->lines() == 0 ? "first" : "");
  if (is_first.empty()) return;
  const ModelRecord record = model_record(session, ModelRecord::kStart);
  if (!is_pruned(record)) return;
  session.log->record(record);
  session.log->info(
      "the model is pruned at the start: {} of {} heads and {} of {} FFN neurons are left, {:.1f}% of the encoder's "
      "weights are zero, {:.1f}% of the unpruned model's FLOPs",
      sum(record.heads_left), sum(record.heads_total), sum(record.ffn_left), sum(record.ffn_total),
      100 * record.sparsity.value_or(0), 100 * record.flops_ratio.value_or(1));
  if (record.sparsity.value_or(0) >= kNoticeable && !has_masks(*session.model))
    session.log->warn(
        "these zeros are not masked: training a weight changes them, and an update fills them when it is merged. To "
        "keep them, begin with a stage `prune: {{sparsity: {:.4f}, score: magnitude, scope: global}}`",
        record.sparsity.value_or(0));
}

}  // namespace filigree::train
