#include "core/train/open_model.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/checkpoint/content_hash.h"
#include "core/checkpoint/store.h"
#include "core/error.h"
#include "core/recipe/load.h"
#include "core/train/restore.h"
#include "core/train/saved_state.h"
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
  check_vocabulary(*opened.tokenizer, *opened.model, path);
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
  const SavedState saved = saved_state(loaded);
  session.recipe = recipe::load_text(saved.recipe, info.path + "/manifest.json (recipe)", plugins.methods.catalog());
  session.mesh = std::make_shared<dist::Mesh>(dist::make_single(), 1);
  const auto& config = session.recipe.model;
  ModelRequest request;
  request.task = nn::task_from(config.task);
  request.labels = saved.labels;
  request.random_init = config.init == "random";
  request.seed = static_cast<uint64_t>(session.recipe.seed);
  session.model = plugins.load_model(config.path, request);
  check_base(request.random_init ? saved.origin.base : checkpoint::content_hash(config.path),
             model_file_hashes(config.path), saved.origin, config.path, info.path);
  check_fits(saved, session.recipe, /*same_recipe=*/true, std::nullopt, info.path);
  restore_model(session, loaded);

  OpenedModel opened;
  opened.model = std::move(session.model);
  opened.tokenizer = data::load_tokenizer(config.path);
  check_vocabulary(*opened.tokenizer, *opened.model, config.path);
  opened.labels = request.labels;
  opened.files = config.path;
  opened.checkpoint = info.path;
  opened.recipe = session.recipe;
  return opened;
}

}  // namespace

void check_vocabulary(const data::Tokenizer& tokenizer, const nn::Model& model, const std::string& path) {
  if (tokenizer.vocab_size() > model.vocab_size())
    throw DataError(
        fmt::format("{}: its tokenizer has ids for {} tokens, its embedding (vocab_size in config.json) only {} rows; "
                    "the two are not of the same model",
                    path, tokenizer.vocab_size(), model.vocab_size()));
}

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
