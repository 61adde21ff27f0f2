// `filigree eval`; declared in command.h.
#include <fmt/format.h>

#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "core/counted.h"
#include "core/error.h"
#include "core/inference/continue_texts.h"
#include "core/inference/open_for_inference.h"
#include "core/recipe/load.h"
#include "core/run/check_tokens.h"
#include "launch/commands/command.h"
#include "launch/commands/given.h"
#include "launch/registries.h"

namespace filigree::launch {
namespace {

bool is_recipe(const std::string& path) { return path.ends_with(".yaml") || path.ends_with(".yml"); }

/// The recipe of the run that made the model, with --set applied.
recipe::Recipe own_recipe(const EvalOptions& options, const train::OpenedModel& opened,
                          const train::Registries& registries) {
  if (!opened.recipe) {
    const std::string what = options.data.empty()
                                 ? "--data is missing"
                                 : fmt::format("--data {}: no recipe describes how to read this file", options.data);
    throw UsageError(fmt::format(
        "filigree eval: {}: {} has no recipe.yaml beside it that names its data; give a recipe (.yaml) with "
        "a data section: --data RECIPE",
        what, options.model));
  }
  if (options.sets.empty()) return *opened.recipe;
  return recipe::load_text(recipe::to_yaml(*opened.recipe), "the recipe of " + options.model, registries.catalog(),
                           options.sets);
}

/// --set of a key that eval does not read is an error, as any key without effect is.
void refuse_idle_sets(const EvalOptions& options) {
  for (const std::string& set : options.sets) {
    const std::string key = set.substr(0, set.find('='));
    const bool used = (key + ".").starts_with("data.") || (key + ".").starts_with("eval.generate.") ||
                      (key == "model.task" && is_recipe(options.data));
    if (!used)
      throw UsageError(
          fmt::format("--set {}: has no effect: eval uses only `data`, `eval.generate` and, of a recipe given by "
                      "--data, `model.task`",
                      key));
  }
}

/// --split; without it, the split that the --data file is named after: the layout of GLUE's test.tsv differs from that
/// of its dev.tsv.
std::string chosen_split(const EvalOptions& options, const recipe::DataConfig& data) {
  if (!options.split.empty()) return options.split;
  const std::filesystem::path file = options.data;
  if (is_recipe(options.data)) return "dev";
  if (file.stem() == "train" || file.filename() == data.train) return "train";
  if (file.stem() == "test" || file.filename() == data.test) return "test";
  return "dev";
}

/// The data section to evaluate on: that of the recipe, with the --data file, if given.
recipe::DataConfig data_section(const EvalOptions& options, const recipe::Recipe& recipe, const std::string& split) {
  if (options.data.empty() || is_recipe(options.data)) return recipe.data;
  if (!std::filesystem::exists(options.data)) throw DataError(fmt::format("{}: there is no such file", options.data));
  auto config = recipe.data;
  config.dir = std::filesystem::absolute(options.data).parent_path();
  const std::string name = std::filesystem::path(options.data).filename();
  (split == "train" ? config.train : split == "test" ? config.test : config.dev) = name;
  return config;
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
  auto& opened = served.opened;
  if (!recipe) recipe = own_recipe(options, opened, registries);
  refuse_idle_sets(options);
  const std::string wanted = chosen_split(options, recipe->data);
  auto config = data_section(options, *recipe, wanted);
  if (config.labels.empty() && !opened.labels.empty() && config.task.empty() &&
      registries.formats.find(config.format)->labels().empty())
    config.labels = opened.labels;
  const auto task = data::resolve_task(config, opened.model->task(), registries.formats);
  train::use_labels(opened, task.labels);
  const int64_t seed = opened.recipe ? opened.recipe->seed : 42;
  for (const auto& split : data::splits_of(task, wanted)) {
    auto dataset = data::load_dataset(config, task, split, *opened.tokenizer, seed);
    dataset.check_labelled();
    train::check_tokens(dataset, *opened.tokenizer, *opened.model, opened.files);
    train::require_same_data(dataset, served.mesh->world());
    const auto result = train::evaluate(*opened.model, dataset, served.options, served.mesh->dp());
    nlohmann::ordered_json json = {
        {"task", task.name}, {"split", split}, {"samples", result.samples}, {"loss", result.loss}};
    if (!options.data.empty() && !is_recipe(options.data)) json["file"] = options.data;
    for (const auto& [name, value] : result.metrics) json[name] = value;
    if (recipe->eval.generate && train::has_contexts(dataset))
      for (const auto& [name, value] : train::text_metrics_of(served, dataset, *recipe->eval.generate))
        json[name] = value;
    if (environment.world_rank() != 0) continue;
    if (dataset.skipped > 0)
      std::cerr << fmt::format("warning: skipped {}, the first: {}\n", counted(dataset.skipped, "bad row"),
                               dataset.first_skipped);
    std::cout << json.dump() << '\n';
  }
  return 0;
}

}  // namespace filigree::launch
