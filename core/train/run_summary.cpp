#include "core/train/run_summary.h"

#include <ATen/Parallel.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <variant>

#include "core/counted.h"
#include "core/files/run_paths.h"
#include "core/log/exports_in.h"
#include "core/parallel/precision.h"
#include "core/prune/inspect.h"
#include "core/recipe/recipe.h"
#include "core/run/steps.h"
#include "core/train/record_model.h"

namespace filigree::train {
namespace {

std::string describe_stage(const recipe::StageConfig& stage, int64_t train_samples) {
  std::vector<std::string> parts;
  if (stage.method) parts.push_back(fmt::format("method {}", stage.method->name));
  if (stage.train)
    parts.push_back(fmt::format("train {}, batch {}, lr {:g}",
                                counted(stage_steps(*stage.train, train_samples), "step"), stage.train->batch_size,
                                stage.train->lr));
  if (stage.prune) {
    const auto& prune = *stage.prune;
    parts.push_back(
        prune.structure.empty()
            ? fmt::format("zero {:.0f}% of the weights by {}", 100 * prune.sparsity, prune.score)
            : fmt::format("prune {} by {}", fmt::join(enum_names_of(prune.structure), " and "), prune.score));
  }
  if (stage.rewind)
    parts.push_back(fmt::format("rewind to {} after {}", stage.rewind->stage, counted(stage.rewind->step, "step")));
  if (stage.export_config)
    parts.push_back(fmt::format("export {} to {}", enum_name(stage.export_config->format), stage.export_config->dir));
  return fmt::format("{}", fmt::join(parts, "; "));
}

void warn_of_skipped_rows(RunLog& log, const data::Dataset& dataset) {
  if (dataset.skipped > 0)
    log.warn("skipped {} of the {} set, the first: {}", counted(dataset.skipped, "bad row"), dataset.split,
             dataset.first_skipped);
}

/// A stage that is done does not run again, so an export that was removed since stays away.
void warn_of_missing_exports(const Session& session) {
  for (const auto& stage : session.recipe.stages) {
    if (!stage.export_config) continue;
    const std::string dir = fmt::format("{}/{}", session.run_dir, stage.export_config->dir);
    std::error_code ignored;
    if (std::filesystem::exists(dir, ignored)) continue;
    session.log->warn(
        "stage {}: {} does not exist, and the stage is done; write it with `filigree export {} --format {} {}`",
        stage.name, dir, session.run_dir, enum_name(stage.export_config->format), dir);
  }
}

/// "export (hf), final (filigree)"
std::string list_exports(const std::string& run_dir) {
  std::vector<std::string> texts;
  for (const auto& found : files::exports_in(run_dir))
    texts.push_back(fmt::format("{} ({})", found.name, found.format));
  return fmt::format("{}", fmt::join(texts, ", "));
}

}  // namespace

std::vector<EvalRecord> last_evaluations(const std::vector<MetricRecord>& records) {
  std::vector<EvalRecord> last;
  for (const auto& record : records) {
    const auto* eval = std::get_if<EvalRecord>(&record);
    if (!eval) continue;
    const auto found = std::ranges::find_if(
        last, [&](const EvalRecord& other) { return other.stage == eval->stage && other.split == eval->split; });
    if (found == last.end())
      last.push_back(*eval);
    else
      *found = *eval;
  }
  return last;
}

void describe_start(Session& session, const checkpoint::Loaded* resumed) {
  auto& log = *session.log;
  const auto& mesh = *session.mesh;
  log.info("{} ({} data-parallel x {} tensor-parallel, backend {}), {}, {} per rank, {}",
           counted(mesh.world().size(), "rank"), mesh.data_parallel(), mesh.tensor_parallel(), mesh.world().backend(),
           session.device.str(), counted(at::get_num_threads(), "thread"), precision_name(session.compute));
  if (session.compute == at::kBFloat16 && !multiplies_bf16(session.device))
    log.warn(
        "this CPU has no bf16 instructions: bf16 is emulated, at least ten times slower than parallel.precision: fp32");
  log.info("{} from {}: {}", session.model->family(), session.recipe.model.path,
           counted(session.train_data.size(), "training sample"));
  warn_of_skipped_rows(log, session.train_data);
  for (const auto& dataset : session.eval_data) warn_of_skipped_rows(log, dataset);
  for (size_t i = 0; i < session.recipe.stages.size(); ++i) {
    const auto& stage = session.recipe.stages[i];
    // The recipe of a stage that is done may have changed since, as the directory of an export.
    const bool done = i < static_cast<size_t>(session.state.stage);
    log.info("stage {}: {}", stage.name,
             done ? "done by an earlier start" : describe_stage(stage, session.train_data.size()));
  }
  if (resumed) log.info("resuming from {}", resumed->info.path);
  record_first_model(session);
}

void describe_end(Session& session, Outcome outcome) {
  if (!session.is_rank_zero()) return;
  auto& log = *session.log;
  if (outcome == Outcome::stopped) {
    log.info("stopped by a signal at step {}; a checkpoint was written. Start the same command again to resume",
             session.state.global_step);
    return;
  }
  const auto metrics = read_records(files::RunPaths(session.run_dir).metrics());
  for (const EvalRecord& eval : last_evaluations(metrics.records)) {
    std::vector<std::string> values;
    for (const auto& [name, value] : eval.values) values.push_back(fmt::format("{} {:.4f}", name, value));
    log.info("{:<10} {}: {}", eval.stage, eval.split, fmt::join(values, ", "));
  }
  const int64_t length = prune::flops_length(*session.model);
  log.info("FLOPs of a forward pass over {}: {:.1f}% of the unpruned model's", counted(length, "token"),
           100 * session.model->flops(length) / prune::unpruned_flops(*session.model, length));
  log.info("exports: {}", list_exports(session.run_dir));
  warn_of_missing_exports(session);
  log.info("run directory: {}", session.run_dir);
}

}  // namespace filigree::train
