// `filigree check`; declared in command.h.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <iostream>
#include <string>
#include <vector>

#include "core/recipe/load.h"
#include "core/run/check_recipe.h"
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

}  // namespace

int cmd_check(const CheckOptions& options, dist::Environment& environment) {
  const auto registries = make_registries();
  const recipe::Recipe recipe = recipe::load(options.recipe, options.sets, registries.catalog());
  if (environment.world_rank() != 0) return 0;
  for (const std::string& note : recipe.notes) std::cerr << fmt::format("note: {}\n", note);
  for (const std::string& line : train::check_recipe(recipe, registries))
    std::cerr << fmt::format("warning: {}\n", line);
  std::vector<std::string> stages;
  for (const auto& stage : recipe.stages) stages.push_back(summary(stage));
  std::cout << fmt::format("{}: good: {}\n", options.recipe, fmt::join(stages, ", "));
  return 0;
}

}  // namespace filigree::launch
