#include "core/run/check_stages.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/error.h"
#include "core/prune/score.h"
#include "core/prune/unstructured.h"
#include "dist/factory.h"

namespace filigree::train {
namespace {

void check_prune(const recipe::PruneConfig& config, uint64_t seed, nn::Model& shapes) {
  if (config.structure.empty())
    prune::check_scores(prune::select_linears(shapes, config.targets), config.score);
  else
    prune::check_scores(shapes, prune::request_of(config, seed));
}

}  // namespace

std::unique_ptr<nn::Model> model_of_shapes(const recipe::Recipe& recipe, const Registries& registries,
                                           const std::string& dir) {
  ModelRequest request;
  request.task = recipe.model.task;
  request.labels = recipe.data.labels;
  request.reset_head = recipe.model.reset_head;
  request.shapes_only = true;
  return registries.load_model(dir, request);
}

void check_stages(const recipe::Recipe& recipe, const Registries& registries, nn::Model& shapes) {
  const auto single = dist::make_single();
  const auto seed = static_cast<uint64_t>(recipe.seed);
  for (const recipe::StageConfig& stage : recipe.stages) {
    try {
      if (stage.method)
        registries.methods.make(*stage.method)->attach(shapes, {seed, *single, *single, /*resume=*/true});
      if (stage.prune) check_prune(*stage.prune, seed, shapes);
    } catch (const UsageError& error) {
      throw UsageError(fmt::format("{}: stages.{}: {}", recipe.file, stage.name, error.what()));
    }
  }
}

void check_best(const recipe::Recipe& recipe, const data::TaskSpec& task) {
  const std::string& wanted = recipe.eval.best;
  if (wanted.empty()) return;
  std::vector<std::string> known = enum_names_of(task.metrics);
  known.emplace_back("loss");
  if (std::ranges::find(known, wanted) == known.end())
    throw UsageError(fmt::format("{}: eval.best: '{}' is not computed for this task; use one of {}", recipe.file,
                                 wanted, fmt::join(known, ", ")));
}

}  // namespace filigree::train
