#include "core/run/claim_run.h"

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <variant>

#include "core/error.h"
#include "core/files/disk.h"
#include "core/files/ownership.h"
#include "core/files/read.h"
#include "core/files/run_paths.h"
#include "core/log/records.h"
#include "core/recipe/load.h"
#include "core/run/resume.h"

namespace filigree::train {
namespace {

namespace fs = std::filesystem;
namespace names = files::run_names;

constexpr const char* kOriginKey = "resumed_from";

fs::path canonical(const std::string& path) {
  std::error_code problem;
  fs::path plain = fs::weakly_canonical(path, problem);
  plain = (problem ? fs::absolute(path, problem) : plain).lexically_normal();
  return plain.has_filename() ? plain : plain.parent_path();  // "run/" is "run"
}

bool lies_in(const fs::path& path, const fs::path& dir) {
  return std::mismatch(dir.begin(), dir.end(), path.begin(), path.end()).first == dir.end();
}

bool is_progress(const MetricRecord& record) {
  if (const auto* step = std::get_if<TrainRecord>(&record)) return !step->not_finite;
  if (const auto* eval = std::get_if<EvalRecord>(&record)) return !eval->values.empty();
  return !std::holds_alternative<StageRecord>(record) && !std::holds_alternative<ModelRecord>(record);
}

/// Whether metrics.jsonl contains more than the record of a stage's start and of a step that was not made.
bool has_progress(const std::string& run_dir) {
  std::error_code problem;
  const std::string path = files::RunPaths(run_dir).metrics();
  return fs::is_regular_file(path, problem) && std::ranges::any_of(read_records(path).records, is_progress);
}

bool holds_a_run(const std::string& run_dir) {
  const files::RunPaths run(run_dir);
  return fs::exists(run.metrics()) || !checkpoint::list_checkpoints(run.checkpoints()).empty();
}

std::vector<std::string> exports_of(const recipe::Recipe& recipe) {
  std::vector<std::string> dirs{names::kFinal};
  for (const auto& stage : recipe.stages)
    if (stage.export_config) dirs.push_back(stage.export_config->dir);
  return dirs;
}

void refuse_foreign_exports(const std::string& run_dir, const recipe::Recipe& recipe) {
  for (const std::string& dir : exports_of(recipe)) {
    const std::string path = files::RunPaths(run_dir).at(dir);
    std::error_code ignored;
    const auto type = fs::symlink_status(path, ignored).type();
    if (type == fs::file_type::not_found || (type == fs::file_type::directory && fs::is_empty(path, ignored))) continue;
    if (type == fs::file_type::directory && files::is_marked(path, files::DirectoryKind::model_export)) continue;
    throw RefusedStart(fmt::format(
        "{}: the recipe exports to this path, but it is not a filigree export; move it away, or choose another {}",
        path, dir == names::kFinal ? "--out" : "export.dir"));
  }
}

void refuse_input_that_is_replaced(const std::string& run_dir, const recipe::Recipe& recipe) {
  const auto check = [&](const char* key, const std::string& input) {
    if (input.empty()) return;
    for (const std::string& dir : exports_of(recipe))
      if (lies_in(canonical(input), canonical(files::RunPaths(run_dir).at(dir))))
        throw RefusedStart(fmt::format("{}: {} is in {}/{}, which this run will replace; choose another --out", key,
                                       input, run_dir, dir));
  };
  check("model.path", recipe.model.path);
  check("model.init_lora", recipe.model.init_lora);
}

/// The checkpoint that a path given by the user names, or the newest complete one of that run or folder.
std::optional<checkpoint::CheckpointInfo> named_checkpoint(const std::string& path) {
  if (fs::exists(checkpoint::manifest_path(path))) return checkpoint::checkpoint_at(path);
  const std::string folder = files::RunPaths(path).checkpoints();
  return checkpoint::newest_whole(fs::exists(folder) ? folder : path);
}

std::optional<checkpoint::CheckpointInfo> newest_of_own(checkpoint::CheckpointStore& store) {
  std::vector<checkpoint::Rejected> rejected;
  auto found = store.newest_whole(&rejected);
  for (const auto& [path, reason] : rejected) std::cerr << fmt::format("skipping {}: {}\n", path, reason);
  return found;
}

std::string recorded_origin(const std::string& run_dir) {
  const auto marker = files::read_marker(run_dir, files::DirectoryKind::run);
  if (!marker || !marker->contains(kOriginKey) || !(*marker)[kOriginKey].is_string()) return "";
  return (*marker)[kOriginKey];
}

std::optional<checkpoint::CheckpointInfo> choose_named(const Session& session, const std::string& path) {
  const bool same_origin = recorded_origin(session.run_dir) == canonical(path);
  if (same_origin)
    if (auto own = newest_of_own(*session.store)) return own;
  std::error_code ignored;
  if (!fs::exists(path, ignored))
    throw DataError(fmt::format(
        "--resume {}: does not exist; give a checkpoint (a step-… directory), a run, `auto` or `never`", path));
  auto found = named_checkpoint(path);
  if (!found)
    throw DataError(
        fmt::format("--resume {}: there is no complete checkpoint; give a step-… directory or a run", path));
  if (lies_in(canonical(found->path), canonical(session.run_dir)) || !holds_a_run(session.run_dir) || same_origin)
    return found;
  throw RefusedStart(fmt::format(
      "--resume {}: {} contains another run, which would be overwritten; choose a new --out, or omit --resume "
      "to resume the run in it",
      path, session.run_dir));
}

/// Without a checkpoint the run starts from its first step, which overwrites earlier results in the directory.
void refuse_to_lose_results(const Session& session) {
  const files::RunPaths run(session.run_dir);
  if (fs::exists(run.final_model()))
    throw RefusedStart(fmt::format(
        "{} contains a finished run without a complete checkpoint; training again would replace its results. "
        "Choose another --out, or remove or rename {}",
        session.run_dir, run.final_model()));
  const std::string path = run.recipe();
  if (!has_progress(session.run_dir) || !fs::exists(path)) return;
  const auto before = recipe::load(path, {}, session.registries->catalog(), recipe::OldKeys::accept);
  const std::string differences = recipe_difference(run_recipe(before), run_recipe(session.recipe));
  if (!differences.empty())
    throw RefusedStart(fmt::format(
        "{} contains a run of a different recipe without a checkpoint; the recipe differs in:{}\nChoose another "
        "--out, or remove that directory",
        session.run_dir, differences));
  std::cerr << fmt::format("note: {} has no complete checkpoint: the run starts again from its first step\n",
                           session.run_dir);
}

}  // namespace

std::unique_ptr<checkpoint::CheckpointStore> claim_run_directory(const Session& session, const RunRequest& request) {
  auto store = std::make_unique<checkpoint::CheckpointStore>(session.run_dir, session.recipe.checkpoint.keep);
  if (request.resume == "never" && holds_a_run(session.run_dir))
    throw RefusedStart(fmt::format(
        "{} already contains a run, which --resume never would overwrite; choose another --out, or remove it",
        session.run_dir));
  refuse_input_that_is_replaced(session.run_dir, session.recipe);
  refuse_foreign_exports(session.run_dir, session.recipe);
  return store;
}

std::optional<checkpoint::CheckpointInfo> choose_checkpoint(const Session& session, const RunRequest& request) {
  if (request.resume == "never") return std::nullopt;
  if (request.resume != "auto") return choose_named(session, request.resume);
  auto found = newest_of_own(*session.store);
  if (!found) refuse_to_lose_results(session);
  return found;
}

void record_origin(const std::string& run_dir, const RunRequest& request) {
  if (request.resume == "auto" || request.resume == "never") return;
  const fs::path origin = canonical(request.resume);
  if (lies_in(origin, canonical(run_dir)) || recorded_origin(run_dir) == origin) return;
  files::add_to_marker(run_dir, files::DirectoryKind::run, kOriginKey, origin.string());
}

void write_recipe(const std::string& run_dir, const recipe::Recipe& recipe) {
  const std::string path = files::RunPaths(run_dir).recipe();
  const std::string resolved = recipe::to_yaml(recipe);
  std::error_code ignored;
  if (!fs::equivalent(path, recipe.file, ignored)) return files::replace_file(path, resolved);
  if (files::read_file(path) != resolved)
    std::cerr << fmt::format("note: {} is the recipe that was given; it is not overwritten with the resolved one\n",
                             path);
}

}  // namespace filigree::train
