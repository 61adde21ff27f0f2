#include "core/run/base_model.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/files/ownership.h"
#include "core/files/run_paths.h"
#include "core/nn/load_report.h"
#include "core/parallel/parallelize.h"
#include "core/recipe/load.h"
#include "core/run/export_request.h"
#include "core/run/open_model.h"
#include "core/run/rank_zero.h"
#include "core/run/resume.h"

namespace filigree::train {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMergedPrefix = "base-";
constexpr const char* kBaseKey = "base";  // of the run directory's marker: {"of": what was given, "dir": merged model}

std::string absolute_path(const std::string& path) {
  std::error_code ignored;
  return fs::weakly_canonical(path, ignored).string();
}

/// Also false without permission to look: the reader of the folder reports why.
bool is_there(const std::string& path) {
  std::error_code problem;
  return fs::exists(path, problem);
}

/// The merged model that this run started with, or "". Its source may have newer checkpoints, or a final
/// model, since then.
std::string recorded_base(const std::string& run_dir, const std::string& path) {
  if (!is_there(run_dir)) return "";
  const auto marker = files::read_marker(run_dir, files::DirectoryKind::run);
  if (!marker || !marker->contains(kBaseKey)) return "";
  const nlohmann::json& base = (*marker)[kBaseKey];
  if (!base.is_object() || base.value("of", nlohmann::json()) != absolute_path(path)) return "";
  const nlohmann::json name = base.value("dir", nlohmann::json());
  if (!name.is_string()) return "";
  const std::string dir = absolute_path(run_dir + "/" + name.get<std::string>());
  return is_merged_base(dir) && fs::exists(dir + "/config.json") ? dir : "";
}

/// Writes the merged model of a checkpoint into the run directory and returns its path. Each checkpoint has
/// its own name.
std::string write_merged(const Session& session, const std::string& given, const std::string& checkpoint) {
  const std::string name =
      fmt::format("{}/{}{}", files::run_names::kCache, kMergedPrefix, checkpoint::manifest_hash(checkpoint));
  const std::string dir = absolute_path(session.run_dir + "/" + name);
  if (!fs::exists(dir + "/config.json")) {
    session.store->run().folder(files::run_names::kCache);
    const auto opened = open_model(checkpoint, *session.registries);
    checkpoint::check_files_to_copy(opened.files, opened.model->task());
    checkpoint::export_model(*opened.model,
                             export_request(*session.registries, *opened.model, {opened.files, opened.random_base},
                                            checkpoint::ExportFormat::filigree, dir));
  }
  files::add_to_marker(session.run_dir, files::DirectoryKind::run, kBaseKey,
                       {{"of", absolute_path(given)}, {"dir", name}});
  return dir;
}

}  // namespace

BaseModel find_base(const std::string& path) {
  if (is_there(checkpoint::manifest_path(path))) return {"", checkpoint::checkpoint_at(path)};
  if (is_there(path + "/config.json")) return {path, {}};
  nn::refuse_adapter(path);
  const files::RunPaths run(path);
  if (is_there(run.final_model() + "/config.json")) return {run.final_model(), {}};
  if (!is_there(run.checkpoints())) return {path, {}};
  auto newest = checkpoint::newest_whole(run.checkpoints());
  return newest ? BaseModel{"", std::move(newest)} : BaseModel{path, {}};
}

std::string config_directory(const std::string& path, const Registries& registries) {
  const BaseModel base = find_base(path);
  if (!base.checkpoint) return base.dir;
  const auto recipe = recipe::load_text(checkpoint::load_state(*base.checkpoint).at("recipe").get<std::string>(),
                                        checkpoint::manifest_path(base.checkpoint->path) + " (recipe)",
                                        registries.catalog(), {}, recipe::OldKeys::accept);
  return config_directory(recipe.model.path, registries);
}

bool is_merged_base(const std::string& path) {
  const fs::path plain(path);
  return plain.parent_path().filename() == files::run_names::kCache &&
         plain.filename().string().starts_with(kMergedPrefix);
}

void use_base(Session& session, const RunRequest& request) {
  std::string& path = session.recipe.model.path;
  auto& world = session.mesh->world();
  BaseModel base;
  std::string recorded;
  on_rank_zero(session.mesh->world(), [&] {
    recorded = recorded_base(run_directory_of(session.recipe, request), path);
    if (recorded.empty()) base = find_base(path);
  });
  std::string dir = world.broadcast_text(base.dir);
  if (dir.empty()) {
    open_run_directory(session, request);
    on_rank_zero(session.mesh->world(),
                 [&] { dir = recorded.empty() ? write_merged(session, path, base.checkpoint->path) : recorded; });
    dir = world.broadcast_text(dir);
  }
  path = dir;
}

std::unique_ptr<nn::Model> load_base(const Session& session, nn::LoadReport& report) {
  const recipe::Recipe& recipe = session.recipe;
  ModelRequest request;
  request.report = &report;
  request.reset_head = recipe.model.reset_head;
  request.task = recipe.model.task;
  request.labels = session.train_data.label_names;
  request.dropout = recipe.model.dropout;
  request.random_init = recipe.model.init == recipe::InitialWeights::random;
  request.seed = static_cast<uint64_t>(recipe.seed);
  dist::Communicator& tp = session.mesh->tp();
  if (tp.size() > 1) request.shard = [&tp](nn::Model& model) { shard_model(model, tp.rank(), tp.size()); };
  std::unique_ptr<nn::Model> model = session.registries->load_model(recipe.model.path, request);
  model->to(session.device);
  if (tp.size() > 1) install_tp_hooks(*model, tp);
  return model;
}

}  // namespace filigree::train
