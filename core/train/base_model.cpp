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

constexpr const char* kMerged = "cache/base";  // in the run's directory

void write_merged(const Session& session, const std::string& path, const std::string& dir) {
  if (fs::exists(dir + "/config.json")) return;  // a resumed run
  fs::create_directories(fs::path(dir).parent_path());
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
  std::string dir;
  on_first_rank(session, [&] { dir = find_base(path).dir; });
  dir = session.mesh->world().broadcast_text(dir);
  if (dir.empty()) {
    open_run_directory(session, request);
    dir = (fs::absolute(session.run_dir) / kMerged).lexically_normal().string();
    on_first_rank(session, [&] { write_merged(session, path, dir); });
  }
  path = dir;
}

}  // namespace filigree::train
