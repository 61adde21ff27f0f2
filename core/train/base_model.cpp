#include "core/train/base_model.h"

#include <filesystem>

#include "core/recipe/load.h"
#include "core/train/exporting.h"
#include "core/train/first_rank.h"
#include "core/train/open_model.h"
#include "core/train/resume.h"

namespace filigree::train {
namespace {

namespace fs = std::filesystem;

/// Where the merged model of a checkpoint lies in the run directory. Another checkpoint has another name.
std::string merged_directory(const Session& session, const checkpoint::CheckpointInfo& checkpoint) {
  const std::string name =
      fmt::format("{}/base-{}", files::run_names::kCache, checkpoint::manifest_hash(checkpoint.path));
  return (fs::absolute(session.run_dir) / name).lexically_normal().string();
}

void write_merged(const Session& session, const std::string& path, const std::string& dir) {
  if (fs::exists(dir + "/config.json")) return;  // a resumed run
  session.store->run().folder(files::run_names::kCache);
  const auto opened = open_model(path, *session.plugins);
  checkpoint::export_model(*opened.model,
                           export_request(*session.plugins, *opened.model, opened.files, "filigree", dir, 0));
}

}  // namespace

BaseModel find_base(const std::string& path) {
  if (fs::exists(path + "/manifest.json")) return {"", checkpoint::checkpoint_at(path)};
  if (fs::exists(path + "/config.json")) return {path, {}};
  if (fs::exists(path + "/final/config.json")) return {path + "/final", {}};
  if (auto newest = checkpoint::newest_whole(path + "/checkpoints")) return {"", std::move(newest)};
  return {path, {}};
}

std::string config_directory(const std::string& path, const Plugins& plugins) {
  const BaseModel base = find_base(path);
  if (!base.checkpoint) return base.dir;
  const auto recipe = recipe::load_text(checkpoint::load_state(*base.checkpoint).at("recipe").get<std::string>(),
                                        base.checkpoint->path + "/manifest.json (recipe)", plugins.methods.catalog());
  return config_directory(recipe.model.path, plugins);
}

void use_base(Session& session, const RunRequest& request) {
  std::string& path = session.recipe.model.path;
  auto& world = session.mesh->world();
  BaseModel base;
  on_first_rank(session, [&] { base = find_base(path); });
  std::string dir = world.broadcast_text(base.dir);
  if (dir.empty()) {
    open_run_directory(session, request);
    on_first_rank(session, [&] {
      dir = merged_directory(session, *base.checkpoint);
      write_merged(session, base.checkpoint->path, dir);
    });
    dir = world.broadcast_text(dir);
  }
  path = dir;
}

}  // namespace filigree::train
