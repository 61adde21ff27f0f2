// `filigree check`; declared in command.h.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <iostream>
#include <optional>

#include "core/error.h"
#include "core/recipe/load.h"
#include "core/run/base_model.h"
#include "core/run/check_stages.h"
#include "core/run/check_tokens.h"
#include "core/run/steps.h"
#include "launch/commands/command.h"
#include "launch/registries.h"

namespace filigree::launch {
namespace {

std::string summary(const recipe::StageConfig& stage) {
  std::vector<std::string> parts;
  if (stage.method) parts.push_back(stage.method->name);
  if (stage.prune) parts.emplace_back("prune");
  if (stage.train) parts.emplace_back("train");
  if (stage.export_config) parts.push_back(fmt::format("export {}", enum_name(stage.export_config->format)));
  return fmt::format("{} ({})", stage.name, fmt::join(parts, ", "));
}

/// A recipe may be checked on a machine without its files: note that they are absent, do not fail.
void note_absent(const std::string& key, const std::string& path) {
  if (!path.empty() && !std::filesystem::exists(path))
    std::cerr << fmt::format("note: {}: {} does not exist here\n", key, path);
}

/// Checks the model's configuration and the stages, if the model is here, by building the model without values.
void check_model(const recipe::Recipe& recipe, const train::Registries& registries) {
  const std::string& path = recipe.model.path;
  if (!std::filesystem::exists(path)) return note_absent("model.path", path);
  const train::BaseModel base = train::find_base(path);
  if (!base.checkpoint && !std::filesystem::exists(base.dir + "/config.json"))
    throw DataError(
        fmt::format("model.path: {}: is neither a model (config.json), nor a checkpoint (manifest.json), nor "
                    "a run with a final model or a complete checkpoint",
                    path));
  const std::string dir = train::config_directory(path, registries);
  const auto shapes = train::model_of_shapes(recipe, registries, dir);
  train::check_length(recipe, *shapes, dir);
  train::check_stages(recipe, registries, *shapes);
}

/// Checks labels and metrics. Without data.labels, they are read from the training file, if it is here.
void check_task(const recipe::Recipe& recipe, const train::Registries& registries) {
  if (!recipe.data.dir.empty() && !std::filesystem::exists(recipe.data.dir))
    return note_absent("data.dir", recipe.data.dir);
  train::check_best(recipe, data::resolve_task(recipe.data, recipe.model.task, registries.formats));
}

}  // namespace

int cmd_check(const CheckOptions& options, dist::Environment& environment) {
  const auto registries = make_registries();
  const recipe::Recipe recipe = recipe::load(options.recipe, options.sets, registries.catalog());
  if (environment.world_rank() != 0) return 0;
  check_model(recipe, registries);
  check_task(recipe, registries);
  for (const auto& line : train::warmup_warnings(recipe, std::nullopt)) std::cerr << fmt::format("warning: {}\n", line);
  std::vector<std::string> stages;
  for (const auto& stage : recipe.stages) stages.push_back(summary(stage));
  std::cout << fmt::format("{}: good: {}\n", options.recipe, fmt::join(stages, ", "));
  return 0;
}

}  // namespace filigree::launch
