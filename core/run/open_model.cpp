#include "core/run/open_model.h"

#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "core/checkpoint/store.h"
#include "core/counted.h"
#include "core/error.h"
#include "core/files/ownership.h"
#include "core/files/run_paths.h"
#include "core/nn/labels.h"
#include "core/nn/load_report.h"
#include "core/recipe/load.h"
#include "core/run/base_model.h"
#include "core/run/state/restore.h"
#include "core/run/state/saved_state.h"
#include "core/safetensors/content_hash.h"
#include "dist/factory.h"

namespace filigree::train {
namespace {

namespace fs = std::filesystem;

OpenedModel open_directory(const std::string& path, const Registries& registries, std::optional<Task> task) {
  OpenedModel opened;
  ModelRequest request;
  request.task = task.value_or(request.task);
  request.keep_task = !task;
  request.trains = false;
  request.report = &opened.report;
  opened.model = registries.load_model(path, request);
  opened.tokenizer = data::load_tokenizer(path);
  opened.labels = label_names(*opened.model);
  opened.files = path;
  note_changed_files(path, opened.report);
  if (const std::string file = files::RunPaths(path).recipe(); fs::exists(file))
    opened.recipe = recipe::load(file, {}, registries.catalog(), recipe::OldKeys::accept);
  return opened;
}

/// The base model of a checkpoint. A merged one is looked up in the run directory, which may have been moved.
std::string base_of(const checkpoint::CheckpointInfo& info, const std::string& path) {
  if (fs::exists(path) || !is_merged_base(path)) return path;
  const files::RunPaths run(fs::weakly_canonical(info.path).parent_path().parent_path());
  const std::string moved = fs::path(run.cache()) / fs::path(path).filename();
  return fs::exists(moved) ? moved : path;
}

OpenedModel open_checkpoint(const checkpoint::CheckpointInfo& info, const Registries& registries) {
  const auto loaded = checkpoint::load(info);
  const SavedState saved = saved_state(loaded);
  OpenedModel opened;
  recipe::Recipe& recipe =
      opened.recipe.emplace(recipe::load_text(saved.recipe, checkpoint::manifest_path(info.path) + " (recipe)",
                                              registries.catalog(), {}, recipe::OldKeys::accept));
  recipe.model.path = base_of(info, recipe.model.path);
  const recipe::ModelConfig& config = recipe.model;
  ModelRequest request;
  request.task = config.task;
  request.labels = saved.labels;
  request.reset_head = config.reset_head;
  request.random_init = config.init == recipe::InitialWeights::random;
  request.seed = static_cast<uint64_t>(recipe.seed);
  opened.model = registries.load_model(config.path, request);
  check_base(request.random_init ? saved.origin.base : checkpoint::content_hash(config.path),
             model_file_hashes(config.path), saved.origin, config.path, info.path);
  check_fits(saved, recipe, /*same_recipe=*/true, std::nullopt, info.path);
  const dist::Mesh mesh(dist::make_single(), 1);
  std::unique_ptr<adapt::Method> method;
  RunState state;
  restore_model({recipe, registries, mesh, at::kFloat, *opened.model, method, state}, loaded);
  opened.tokenizer = data::load_tokenizer(config.path);
  opened.labels = request.labels;
  opened.files = config.path;
  opened.random_base = request.random_init;
  opened.checkpoint = info.path;
  return opened;
}

}  // namespace

void note_changed_files(const std::string& dir, nn::LoadReport& report) {
  if (const auto changed = files::changed_since_export(dir); !changed.empty())
    report.notes.push_back(
        fmt::format("{} changed since filigree exported it: edited or damaged", nn::short_list(changed)));
}

std::vector<std::string> label_names(const nn::Model& model) {
  std::vector<std::string> names;
  if (is_over_tokens(model.task())) return names;
  const nlohmann::json config = model.config();
  for (int64_t i = 0; i < model.num_labels(); ++i)
    names.push_back(config.at("id2label").at(std::to_string(i)).get<std::string>());
  return names;
}

void print_findings(const OpenedModel& opened) {
  for (const std::string& line : describe(opened.report, opened.files)) std::cerr << fmt::format("{}\n", line);
}

void refuse_random_parameters(const OpenedModel& opened) {
  if (opened.report.newly_initialized.empty()) return;
  throw DataError(
      fmt::format("{}: its weights lack {} of a {} ({}), which would be random; use a model that was "
                  "trained for this task, or train this one first",
                  opened.files, counted(opened.report.newly_initialized.size(), "parameter"),
                  opened.model->architecture(), nn::short_list(opened.report.newly_initialized)));
}

void use_labels(OpenedModel& opened, const std::vector<std::string>& labels) {
  if (opened.model->task() != Task::sequence_classification) return;
  if (static_cast<int64_t>(labels.size()) != opened.model->num_labels())
    throw UsageError(fmt::format("{}: has {}, but the task has {}; use the data of the task that it was trained for",
                                 opened.files, counted(opened.model->num_labels(), "label"), labels.size()));
  const auto order = nn::match_labels(opened.labels, labels);
  if (!order)
    throw UsageError(fmt::format("{}: its labels are {}, but the task's are {}; they must have the same names",
                                 opened.files, nn::short_list(opened.labels), nn::short_list(labels)));
  nn::reorder_logits(*opened.model, *order);
  opened.labels = labels;
}

OpenedModel open_model(const std::string& path, const Registries& registries, std::optional<Task> task) {
  if (!fs::exists(path)) throw DataError(fmt::format("{}: there is no such directory", path));
  if (fs::exists(checkpoint::manifest_path(path))) return open_checkpoint(checkpoint::checkpoint_at(path), registries);
  if (fs::exists(path + "/config.json")) return open_directory(path, registries, task);
  nn::refuse_adapter(path);
  const files::RunPaths run(path);
  if (fs::exists(run.final_model() + "/config.json")) return open_directory(run.final_model(), registries, task);
  if (const auto newest = checkpoint::newest_whole(run.checkpoints())) return open_checkpoint(*newest, registries);
  throw DataError(
      fmt::format("{}: is neither a model (config.json), nor a checkpoint (manifest.json), nor a run with a final "
                  "model or a complete checkpoint",
                  path));
}

}  // namespace filigree::train
