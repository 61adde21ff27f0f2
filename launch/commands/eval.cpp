// `filigree eval`; declared in command.h.
#include <fmt/format.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "core/counted.h"
#include "core/error.h"
#include "core/inference/continue_texts.h"
#include "core/inference/open_for_inference.h"
#include "core/recipe/key_error.h"
#include "core/recipe/load.h"
#include "core/run/check_tokens.h"
#include "launch/commands/command.h"
#include "launch/commands/eval_data.h"
#include "launch/commands/given.h"
#include "launch/registries.h"

namespace filigree::launch {
namespace {

/// The line of a split; rank 0 prints it. Collective.
void evaluate_split(const EvalOptions& options, train::InferenceModel& served, const recipe::Recipe& recipe,
                    data::Dataset dataset, const std::string& task) {
  auto& opened = served.opened;
  dataset.check_labelled();
  train::check_tokens(dataset, *opened.tokenizer, *opened.model, opened.files);
  train::require_same_data(dataset, served.mesh->world());
  const auto result = train::evaluate(*opened.model, dataset, served.options, served.mesh->dp());
  nlohmann::ordered_json json = {
      {"task", task}, {"split", dataset.split}, {"samples", result.samples}, {"loss", result.loss}};
  if (!options.data.empty() && !is_recipe(options.data)) json["file"] = options.data;
  for (const auto& [name, value] : result.metrics) json[name] = value;
  if (recipe.eval.generate && train::has_contexts(dataset))
    for (const auto& [name, value] : train::text_metrics_of(served, dataset, *recipe.eval.generate)) json[name] = value;
  if (served.mesh->world().rank() != 0) return;
  if (dataset.skipped > 0)
    std::cerr << fmt::format("warning: skipped {}, the first: {}\n", counted(dataset.skipped, "bad row"),
                             dataset.first_skipped);
  std::cout << json.dump() << '\n';
}

void evaluate_splits(const EvalOptions& options, train::InferenceModel& served, const recipe::Recipe& recipe,
                     const train::Registries& registries) {
  auto& opened = served.opened;
  auto [config, wanted] = eval_data(options, recipe, registries.formats);
  if (config.labels.empty() && !opened.labels.empty() && config.task.empty() &&
      registries.formats.find(config.format)->labels().empty())
    config.labels = opened.labels;
  const auto task = data::resolve_task(config, opened.model->task(), registries.formats);
  train::use_labels(opened, task.labels);
  const int64_t seed = opened.recipe ? opened.recipe->seed : 42;
  for (const auto& split : data::splits_of(task, wanted))
    evaluate_split(options, served, recipe, data::load_dataset(config, task, split, *opened.tokenizer, seed),
                   task.name);
}

}  // namespace

int cmd_eval(const EvalOptions& options, dist::Environment& environment) {
  const auto registries = make_registries();
  std::optional<recipe::Recipe> recipe;
  std::vector<train::Subject> given{given_arguments(options)};
  if (is_recipe(options.data)) {
    recipe = recipe::load(options.data, options.sets, registries.catalog());
    given.push_back(train::recipe_subject(*recipe));
  }
  auto served = train::open_for_inference(options.model, registries, environment, given,
                                          recipe ? std::optional(recipe->model.task) : std::nullopt);
  if (!recipe) recipe = own_recipe(options, served.opened, registries);
  recipe::at_keys(*recipe, [&] { evaluate_splits(options, served, *recipe, registries); });
  return 0;
}

}  // namespace filigree::launch
