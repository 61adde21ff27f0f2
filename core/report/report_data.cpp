#include "core/report/report_data.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/error.h"
#include "core/files/disk.h"
#include "core/files/read.h"

namespace filigree::train {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

std::optional<double> number(const Json& line, const char* key) {
  const auto found = line.find(key);
  if (found == line.end() || !found->is_number()) return std::nullopt;
  const double value = found->get<double>();
  return std::isfinite(value) ? std::optional(value) : std::nullopt;
}

std::optional<int64_t> integer(const Json& line, const char* key) {
  const auto value = number(line, key);
  return value && std::abs(*value) < 9e15 ? std::optional(static_cast<int64_t>(*value)) : std::nullopt;
}

std::string text(const Json& line, const char* key) {
  const auto found = line.find(key);
  return found != line.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::vector<int64_t> integers(const Json& line, const char* key) {
  std::vector<int64_t> values;
  const auto found = line.find(key);
  if (found == line.end() || !found->is_array()) return values;
  for (const auto& item : *found)
    if (item.is_number_integer()) values.push_back(item.get<int64_t>());
  return values;
}

StageRecord& stage_named(RunData& run, const std::string& name) {
  for (auto& stage : run.stages)
    if (stage.name == name) return stage;
  StageRecord stage;
  stage.name = name;
  stage.first_step = stage.last_step = run.last_step;
  return run.stages.emplace_back(stage);
}

void add_train(RunData& run, const Json& line) {
  const int64_t step = integer(line, "step").value_or(run.last_step);
  run.train.push_back({text(line, "stage"), step, number(line, "loss"), number(line, "lr"),
                       number(line, "tokens_per_s"), number(line, "step_ms")});
}

/// {"tp":{"forward":8}} as {"tp.forward": 8}.
std::map<std::string, int64_t> by_axis_and_purpose(const Json& line) {
  std::map<std::string, int64_t> bytes;
  const auto found = line.find("comm");
  if (found == line.end() || !found->is_object()) return bytes;
  for (const auto& [axis, purposes] : found->items()) {
    if (!purposes.is_object()) continue;
    for (const auto& [purpose, value] : purposes.items())
      if (const auto count = integer(purposes, purpose.c_str())) bytes[axis + "." + purpose] = *count;
  }
  return bytes;
}

void add_eval(RunData& run, const Json& line) {
  EvalRecord eval{text(line, "stage"),
                  text(line, "split"),
                  text(line, "metric"),
                  integer(line, "step").value_or(run.last_step),
                  {}};
  for (const auto& [key, value] : line.items())
    if (value.is_number_float() && number(line, key.c_str())) eval.values[key] = value.get<double>();
  // A metric of exactly 0 or 1 is still a metric, however a writer prints it.
  for (const char* key : {"accuracy", "f1", "macro_f1", "mcc", "pearson", "spearman", "loss"})
    if (const auto value = number(line, key)) eval.values[key] = *value;
  if (run.split.empty()) run.split = eval.split;
  run.evals.push_back(std::move(eval));
}

void add_prune(RunData& run, const Json& line) {
  run.prunes.push_back({text(line, "stage"), integer(line, "step").value_or(run.last_step), run.evals.size(),
                        integers(line, "heads_left"), integers(line, "ffn_left"), number(line, "sparsity"),
                        number(line, "flops_ratio")});
}

void add_line(RunData& run, const Json& line) {
  const std::string kind = text(line, "kind"), name = text(line, "stage");
  if (name.empty()) return;
  auto& stage = stage_named(run, name);
  if (const auto step = integer(line, "step")) {
    run.last_step = std::max(run.last_step, *step);
    stage.last_step = std::max(stage.last_step, *step);
  }
  if (kind == "train") {
    add_train(run, line);
    stage.comm = by_axis_and_purpose(line);
  }
  if (kind == "eval") add_eval(run, line);
  if (kind == "prune") add_prune(run, line);
  if (kind == "stage") {
    stage.steps = integer(line, "steps");
    stage.trainable = integer(line, "trainable");
    stage.total = integer(line, "total");
    stage.comm_bytes = integer(line, "comm_bytes_per_step");
    stage.full_comm_bytes = integer(line, "full_comm_bytes_per_step");
  }
}

void add_metrics(RunData& run) {
  const std::string path = run.dir + "/metrics.jsonl";
  if (!fs::exists(path))
    throw DataError(fmt::format("{}: has no metrics.jsonl; give the directory of a run of `filigree train`", run.dir));
  std::istringstream in(files::read_file(path));
  int64_t lines = 0;
  for (std::string line; std::getline(in, line); ++lines) {
    const auto json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (json.is_object()) add_line(run, json);
  }
  if (!run.stages.empty()) return;
  if (lines == 0) throw DataError(fmt::format("{}: has no lines yet; the run has not reached its first step", path));
  throw DataError(fmt::format("{}: is damaged: none of its {} lines can be read", path, lines));
}

void add_recipe(RunData& run) {
  const std::string path = run.dir + "/recipe.yaml";
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
    const auto layer = integer(group, "layer"), total = integer(group, "total");
    const std::string kind = text(group, "kind");
    if (!layer || !total || (kind != "head" && kind != "neuron")) continue;
    auto& shapes = kind == "head" ? run.heads : run.neurons;
    LayerShape shape{*total, integers(group, "kept")};
    const auto found = shapes.find(*layer);
    // Pruning only removes units, so the plan that keeps the fewest is the latest.
    if (found == shapes.end() || shape.kept.size() < found->second.kept.size()) shapes[*layer] = std::move(shape);
  }
}

void add_plans(RunData& run) {
  std::error_code problem;
  for (fs::directory_iterator it(run.dir + "/plans", problem), end; !problem && it != end; it.increment(problem))
    if (it->path().extension() == ".json")
      add_plan(run, Json::parse(files::read_file(it->path().string()), nullptr, /*allow_exceptions=*/false));
}

/// The metric that the evaluations name; for older runs, the most informative of those evaluated.
std::string deciding_metric(const RunData& run) {
  if (run.evals.empty()) return "";
  const EvalRecord& first = run.evals.front();
  if (first.value(first.metric)) return first.metric;
  for (const char* name : {"accuracy", "mcc", "pearson", "macro_f1", "f1", "spearman", "loss"})
    if (first.value(name)) return name;
  return "";
}

/// The last evaluation of the main split among evals[begin, end).
const EvalRecord* last_of(const RunData& run, size_t begin, size_t end) {
  for (size_t i = end; i-- > begin;)
    if (run.evals[i].split == run.split) return &run.evals[i];
  return nullptr;
}

}  // namespace

std::optional<double> EvalRecord::value(const std::string& name) const {
  const auto found = values.find(name);
  return found == values.end() ? std::nullopt : std::optional(found->second);
}

const EvalRecord* RunData::adapted() const {
  return last_of(*this, 0, prunes.empty() ? evals.size() : prunes.front().evals_before);
}

const EvalRecord* RunData::just_pruned() const {
  if (prunes.empty()) return nullptr;
  for (size_t i = prunes.back().evals_before; i < evals.size(); ++i)
    if (evals[i].split == split) return evals[i].step == prunes.back().step ? &evals[i] : nullptr;
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
  run.finished = fs::exists(run_dir + "/final");
  return run;
}

}  // namespace filigree::train
