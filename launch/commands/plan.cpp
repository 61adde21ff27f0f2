// `filigree plan`; declared in command.h.
#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "core/counted.h"
#include "core/data/task.h"
#include "core/error.h"
#include "core/forecast/forecast.h"
#include "core/recipe/key_error.h"
#include "core/recipe/load.h"
#include "core/run/base_model.h"
#include "core/run/check_data.h"
#include "core/run/check_stages.h"
#include "core/run/check_tokens.h"
#include "core/run/steps.h"
#include "launch/commands/command.h"
#include "launch/registries.h"

namespace filigree::launch {
namespace {

double mib(uint64_t bytes) { return static_cast<double>(bytes) / (1024.0 * 1024.0); }

nlohmann::ordered_json to_json(const train::StageForecast& stage) {
  return {{"stage", stage.stage},
          {"trainable", stage.trainable},
          {"total", stage.total},
          {"memory_bytes", stage.memory()},
          {"weights", stage.weights},
          {"buffers", stage.buffers},
          {"gradients", stage.gradients},
          {"optimizer", stage.optimizer},
          {"activations", stage.activations},
          {"tokens", stage.tokens},
          {"comm_bytes_per_step", train::total(stage.comm)},
          {"comm", train::by_axis(stage.comm)},
          {"full_comm_bytes_per_step", stage.full_comm_bytes_per_step}};
}

/// Number of training samples, if a stage is given in epochs and the data can be read.
std::optional<int64_t> training_samples(const recipe::Recipe& recipe, const train::Registries& registries) {
  const auto in_epochs = [](const recipe::StageConfig& stage) { return stage.train && stage.train->max_steps == 0; };
  if (std::ranges::none_of(recipe.stages, in_epochs)) return std::nullopt;
  try {
    const auto task = data::resolve_task(recipe.data, recipe.model.task, registries.formats);
    return train::check_split(recipe, task, "train").samples;
  } catch (const UserError&) {
    return std::nullopt;
  }
}

/// Throws what a run of the recipe would throw before it trains. dir: of config.json.
void check(const recipe::Recipe& recipe, const train::Registries& registries, const std::string& dir) {
  const auto shapes = train::model_of_shapes(recipe, registries, dir);
  train::check_length(recipe, *shapes, dir);
  for (const auto& line : train::check_stages(recipe, registries, *shapes))
    std::cerr << fmt::format("warning: {}\n", line);
  train::check_steps(recipe, registries.methods, training_samples(recipe, registries));
}

}  // namespace

int cmd_plan(const PlanOptions& options, dist::Environment& environment) {
  if (environment.world_rank() != 0) return 0;
  const auto registries = make_registries();
  auto recipe = recipe::load(options.recipe, options.sets, registries.catalog());
  for (const std::string& note : recipe.notes) std::cerr << fmt::format("note: {}\n", note);
  const std::string base = recipe.model.path;
  const std::string dir = train::config_directory(base, registries);
  if (train::find_base(base).checkpoint)
    std::cerr << fmt::format("note: {} is estimated as {}, the model it was trained from, before any pruning\n", base,
                             dir);
  check(recipe, registries, dir);
  recipe.model.path = dir;
  const int64_t tensor = options.tensor > 0 ? options.tensor : recipe.parallel.tensor;
  train::Forecast forecast;
  recipe::at_keys(recipe, [&] { forecast = train::forecast(recipe, registries, options.ranks, tensor); });
  if (!forecast.lengths_known)
    std::cerr << fmt::format("note: the training data cannot be read; the estimate assumes {} per sample\n",
                             counted(recipe.data.max_length, "token"));
  nlohmann::ordered_json stages = nlohmann::ordered_json::array();
  std::cerr << fmt::format("{:<12} {:>12} {:>10} {:>10} {:>10} {:>12} {:>14} {:>12}\n", "stage", "trainable", "weights",
                           "grads", "optimizer", "activations", "bytes/step", "of full");
  for (const auto& stage : forecast.stages) {
    const uint64_t sent = train::total(stage.comm);
    const double share = stage.full_comm_bytes_per_step > 0
                             ? 100.0 * static_cast<double>(sent) / static_cast<double>(stage.full_comm_bytes_per_step)
                             : 0.0;
    std::cerr << fmt::format("{:<12} {:>12} {:>6.1f} MiB {:>6.1f} MiB {:>6.1f} MiB {:>8.1f} MiB {:>14} {:>11.2f}%\n",
                             stage.stage, stage.trainable, mib(stage.weights), mib(stage.gradients),
                             mib(stage.optimizer), mib(stage.activations), sent, share);
    stages.push_back(to_json(stage));
  }
  std::cout << nlohmann::ordered_json{{"ranks", options.ranks},
                                      {"tensor", tensor},
                                      {"lengths", forecast.lengths_known ? "data" : "max_length"},
                                      {"stages", stages}}
                   .dump()
            << '\n';
  return 0;
}

}  // namespace filigree::launch
