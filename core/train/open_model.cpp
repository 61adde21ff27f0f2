#include "core/train/open_model.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/checkpoint/content_hash.h"
#include "core/checkpoint/store.h"
#include "core/error.h"
#include "core/recipe/load.h"
#include "core/train/snapshot.h"
#include "dist/factory.h"

namespace filigree::train {
namespace {

namespace fs = std::filesystem;

/// id2label in order of the numbers; empty without it.
std::vector<std::string> label_names(const nlohmann::json& config) {
  std::vector<std::string> names;
  const auto found = config.find("id2label");
  if (found == config.end()) return names;
  for (size_t i = 0; i < found->size(); ++i) names.push_back(found->value(std::to_string(i), std::to_string(i)));
  return names;
}

OpenedModel open_directory(const std::string& path, const Plugins& plugins, const std::string& task) {
  OpenedModel opened;
  ModelRequest request;
  if (!task.empty()) request.task = nn::task_from(task);
  request.keep_task = task.empty();
  opened.model = plugins.load_model(path, request);
  opened.tokenizer = data::load_tokenizer(path);
  opened.labels = label_names(opened.model->config());
  opened.files = path;
  if (const std::string file = path + "/recipe.yaml"; fs::exists(file))
    opened.recipe = recipe::load(file, {}, plugins.methods.catalog());
  return opened;
}

OpenedModel open_checkpoint(const checkpoint::CheckpointInfo& info, const Plugins& plugins) {
  const auto loaded = checkpoint::load(info);
  Session session;
  session.plugins = &plugins;
  session.recipe = recipe::load_text(loaded.state.at("recipe").get<std::string>(),
                                     info.path + "/manifest.json (recipe)", plugins.methods.catalog());
  session.mesh = std::make_shared<dist::Mesh>(dist::make_single(), 1);
  const auto& config = session.recipe.model;
  ModelRequest request;
  request.task = nn::task_from(config.task);
  request.labels = loaded.state.at("labels").get<std::vector<std::string>>();
  request.random_init = config.init == "random";
  request.seed = static_cast<uint64_t>(session.recipe.seed);
  session.model = plugins.load_model(config.path, request);
  if (!request.random_init && checkpoint::content_hash(config.path) != loaded.state.at("base"))
    throw DataError(fmt::format("{}: was trained on other base weights than {} holds now", info.path, config.path));
  restore_model(session, loaded);

  OpenedModel opened;
  opened.model = std::move(session.model);
  opened.tokenizer = data::load_tokenizer(config.path);
  opened.labels = request.labels;
  opened.files = config.path;
  opened.recipe = session.recipe;
  return opened;
}

}  // namespace

OpenedModel open_model(const std::string& path, const Plugins& plugins, const std::string& task) {
  if (!fs::exists(path)) throw DataError(fmt::format("{}: there is no such directory", path));
  if (fs::exists(path + "/manifest.json")) return open_checkpoint(checkpoint::checkpoint_at(path), plugins);
  if (fs::exists(path + "/config.json")) return open_directory(path, plugins, task);
  if (fs::exists(path + "/final/config.json")) return open_directory(path + "/final", plugins, task);
  if (const auto newest = checkpoint::newest_whole(path + "/checkpoints")) return open_checkpoint(*newest, plugins);
  throw DataError(
      fmt::format("{}: is neither a model (config.json), nor a checkpoint (manifest.json), nor a run with a final "
                  "model or a whole checkpoint",
                  path));
}

}  // namespace filigree::train
