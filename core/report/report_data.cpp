#include "core/report/report_data.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string_view>

#include "core/counted.h"
#include "core/error.h"
#include "core/files/json_values.h"
#include "core/files/ownership.h"
#include "core/files/read.h"
#include "core/files/run_paths.h"

namespace filigree::train {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

/// The stage of this name, which ends at `step` or later.
StageSummary& stage_at(RunData& run, const std::string& name, int64_t step) {
  auto found = std::ranges::find(run.stages, name, &StageSummary::name);
  if (found == run.stages.end())
    found = run.stages.insert(found, {name, {}, /*first_step=*/run.last_step, /*last_step=*/run.last_step, {}});
  run.last_step = std::max(run.last_step, step);
  found->last_step = std::max(found->last_step, step);
  return *found;
}

void add(RunData& run, const StageRecord& record) { stage_at(run, record.stage, 0).record = record; }

void add(RunData& run, const TrainRecord& record) {
  auto& stage = stage_at(run, record.stage, record.not_finite ? record.step - 1 : record.step);
  stage.comm.clear();
  for (const auto& [axis, purposes] : record.comm)
    for (const auto& [purpose, bytes] : purposes) stage.comm[axis + "." + purpose] = bytes;
  run.train.push_back(record);
}

void add(RunData& run, const EvalRecord& record) {
  stage_at(run, record.stage, record.step);
  if (run.split.empty()) run.split = record.split;
  run.evals.push_back(record);
}

void add(RunData& run, const PruneRecord& record) {
  stage_at(run, record.stage, record.step);
  run.prunes.push_back({record, run.evals.size()});
}

void add(RunData& run, const ModelRecord& record) {
  auto& kept = record.at == ModelRecord::kEnd ? run.end : run.start;
  if (!kept || record.at == ModelRecord::kEnd) kept = record;
}

void add_metrics(RunData& run) {
  const std::string path = files::RunPaths(run.dir).metrics();
  const bool has_log = fs::exists(files::RunPaths(run.dir).log());
  if (!fs::exists(path) && has_log && files::is_marked(run.dir, files::DirectoryKind::run)) return;
  if (!fs::exists(path))
    throw DataError(fmt::format("{}: has no metrics.jsonl; give the directory of a run of `filigree train`", run.dir));
  const MetricRecords found = read_records(path);
  for (const auto& record : found.records) std::visit([&](const auto& line) { add(run, line); }, record);
  if (!found.records.empty() || (found.lines == 0 && has_log)) return;
  if (found.lines == 0)
    throw DataError(
        fmt::format("{}: has no lines: the run has not reached its first step, or the file was emptied", path));
  throw DataError(fmt::format("{}: is damaged: none of its {} can be read", path, counted(found.lines, "line")));
}

void add_recipe(RunData& run) {
  const std::string path = files::RunPaths(run.dir).recipe();
  if (fs::exists(path)) run.recipe = files::read_file(path);
  std::istringstream in(run.recipe);
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with("name:")) continue;
    run.name = line.substr(5);
    run.name.erase(0, run.name.find_first_not_of(" \"'"));
    run.name.erase(run.name.find_last_not_of(" \"'\r") + 1);
    break;
  }
  if (run.name.empty()) run.name = fs::weakly_canonical(run.dir).filename().string();
}

void add_plan(RunData& run, const Json& plan) {
  if (!plan.is_object() || !plan.contains("groups") || !plan["groups"].is_array()) return;
  for (const auto& group : plan["groups"]) {
    if (!group.is_object()) continue;
    const auto layer = files::integer_at(group, "layer"), total = files::integer_at(group, "total");
    const std::string kind = files::text_at(group, "kind");
    if (!layer || !total || (kind != "head" && kind != "neuron")) continue;
    auto& shapes = kind == "head" ? run.heads : run.neurons;
    LayerShape shape{*total, files::integers_at(group, "kept")};
    const auto found = shapes.find(*layer);
    // Pruning only removes units, so the plan that keeps the fewest is the latest.
    if (found == shapes.end() || shape.kept.size() < found->second.kept.size()) shapes[*layer] = std::move(shape);
  }
}

void add_plans(RunData& run) {
  std::error_code problem;
  for (fs::directory_iterator it(files::RunPaths(run.dir).plans(), problem), end; !problem && it != end;
       it.increment(problem))
    if (it->path().extension() == ".json")
      add_plan(run, Json::parse(files::read_file(it->path().string()), nullptr, /*allow_exceptions=*/false));
}

/// The error in the last line of log.txt: "2026-11-30 07:06:24 E ended with exit code 3: ...". Empty if it has another.
std::string last_error(const std::string& run_dir) {
  const std::string path = files::RunPaths(run_dir).log();
  if (!fs::exists(path)) return "";
  std::istringstream in(files::read_file(path));
  std::string last;
  for (std::string line; std::getline(in, line);)
    if (!line.empty()) last = line;
  constexpr size_t kLevelAt = std::string_view("2026-11-30 07:06:24 ").size();
  return last.size() > kLevelAt + 2 && last.compare(kLevelAt, 2, "E ") == 0 ? last.substr(kLevelAt + 2) : "";
}

/// The metric that the evaluations name; for older runs, the most informative of those evaluated.
std::string deciding_metric(const RunData& run) {
  if (run.evals.empty()) return "";
  // The first value may be missing: a value that is not finite is written as null.
  const std::string& named = run.evals.front().metric;
  const auto measured = [&](const std::string& name) {
    return std::ranges::any_of(run.evals, [&](const EvalRecord& eval) { return eval.value(name).has_value(); });
  };
  if (!named.empty() && measured(named)) return named;
  for (const char* name : {"accuracy", "mcc", "pearson", "macro_f1", "f1", "spearman", "loss"})
    if (named.empty() && measured(name)) return name;
  return named;
}

/// The last evaluation of the main split among evals[begin, end).
const EvalRecord* last_of(const RunData& run, size_t begin, size_t end) {
  for (size_t i = end; i-- > begin;)
    if (run.evals[i].split == run.split) return &run.evals[i];
  return nullptr;
}

}  // namespace

std::optional<double> drawable(const std::optional<double>& value) {
  return value && std::isfinite(*value) && std::abs(*value) <= kMostDrawn ? value : std::nullopt;
}

const EvalRecord* RunData::adapted() const {
  return last_of(*this, 0, prunes.empty() ? evals.size() : prunes.front().evals_before);
}

const EvalRecord* RunData::just_pruned() const {
  if (prunes.empty()) return nullptr;
  for (size_t i = prunes.back().evals_before; i < evals.size(); ++i)
    if (evals[i].split == split) return evals[i].step == prunes.back().record.step ? &evals[i] : nullptr;
  return nullptr;
}

const EvalRecord* RunData::recovered() const {
  if (prunes.empty()) return nullptr;
  const auto* last = last_of(*this, prunes.back().evals_before, evals.size());
  return last == just_pruned() ? nullptr : last;
}

RunData read_run(const std::string& run_dir) {
  if (!fs::is_directory(run_dir)) throw DataError(fmt::format("{}: there is no such run", run_dir));
  RunData run;
  run.dir = run_dir;
  add_metrics(run);
  add_recipe(run);
  add_plans(run);
  run.metric = deciding_metric(run);
  run.finished = fs::exists(files::RunPaths(run_dir).final_model());
  if (!run.finished) run.error = last_error(run_dir);
  return run;
}

}  // namespace filigree::train
