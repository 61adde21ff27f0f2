#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <iostream>

#include "core/adapt/method.h"
#include "core/error.h"
#include "core/recipe/load.h"
#include "core/train/base_model.h"
#include "launch/command.h"

namespace filigree::launch {
namespace {

std::string summary(const recipe::StageConfig& stage) {
  std::vector<std::string> parts;
  if (stage.method) parts.push_back(stage.method->name);
  if (stage.prune) parts.emplace_back("prune");
  if (stage.train) parts.emplace_back("train");
  if (stage.export_) parts.push_back("export " + stage.export_->format);
  return fmt::format("{} ({})", stage.name, fmt::join(parts, ", "));
}

/// A recipe may be checked where its files are not; that they are absent here is worth a word, no more.
void note_absent(const std::string& key, const std::string& path) {
  if (!path.empty() && !std::filesystem::exists(path))
    std::cerr << fmt::format("note: {}: {} does not exist here\n", key, path);
}

void check_model(const std::string& path) {
  if (!std::filesystem::exists(path)) return note_absent("model.path", path);
  const train::BaseModel base = train::find_base(path);
  if (!base.checkpoint && !std::filesystem::exists(base.dir + "/config.json"))
    throw DataError(
        fmt::format("model.path: {}: is neither a model (config.json), nor a checkpoint (manifest.json), nor "
                    "a run with a final model or a whole checkpoint",
                    path));
}

}  // namespace

int cmd_check(const CheckOptions& options, dist::Environment& environment) {
  const recipe::Recipe recipe = recipe::load(options.recipe, options.sets, adapt::builtin_methods().catalog());
  if (environment.world_rank() != 0) return 0;
  check_model(recipe.model.path);
  note_absent("data.dir", recipe.data.dir);
  std::vector<std::string> stages;
  for (const auto& stage : recipe.stages) stages.push_back(summary(stage));
  std::cout << fmt::format("{}: good: {}\n", options.recipe, fmt::join(stages, ", "));
  return 0;
}

}  // namespace filigree::launch
