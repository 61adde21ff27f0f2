#include "launch/commands/eval_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "core/error.h"
#include "core/files/ownership.h"
#include "core/files/run_paths.h"
#include "core/recipe/data_rules.h"
#include "core/recipe/load.h"

namespace filigree::launch {
namespace {

namespace fs = std::filesystem;

bool is_file(const EvalOptions& options) { return !options.data.empty() && !is_recipe(options.data); }

/// The recipe of the run directory that contains the model; "" if there is none.
std::string recipe_of_run_around(const std::string& model) {
  std::error_code ignored;
  for (fs::path dir = fs::weakly_canonical(model, ignored); dir.has_relative_path(); dir = dir.parent_path()) {
    const std::string file = files::RunPaths(dir.string()).recipe();
    if (fs::exists(dir / files::kMarkerName, ignored) && fs::is_regular_file(file, ignored) &&
        files::read_marker(dir.string(), files::DirectoryKind::run))
      return file;
  }
  return "";
}

std::string key_of(const std::string& set) { return set.substr(0, set.find('=')); }

bool is_set(const EvalOptions& options, const std::string& key) {
  return std::ranges::any_of(options.sets, [&](const std::string& set) { return key_of(set) == key; });
}

/// Why eval does not read a key of a recipe; "" if it does.
std::string why_idle(const std::string& key, const EvalOptions& options, const std::string& split) {
  const bool is_name = key == "data.train" || key == "data.dev" || key == "data.test";
  if (is_file(options) && (key == "data.dir" || is_name)) return "--data names the file; use --split to name its split";
  if ((key == "data.train" || key == "data.max_train_samples") && split != "train")
    return fmt::format("it is used only with --split train, and the split is {}", split);
  if ((key == "data.test" && split != "test") || (key == "data.dev" && !split.starts_with("dev")))
    return fmt::format("the split is {}; use --split {}", split, key.substr(key.find('.') + 1));
  const bool used = (key + ".").starts_with("data.") || (key + ".").starts_with("eval.generate.") ||
                    (key == "model.task" && is_recipe(options.data));
  return used ? ""
              : "eval uses only `data`, `eval.generate` and, of a recipe given by --data, "
                "`model.task`";
}

void refuse_idle_sets(const EvalOptions& options, const std::string& split) {
  for (const std::string& set : options.sets) {
    const std::string why = why_idle(key_of(set), options, split);
    if (!why.empty()) throw UsageError(fmt::format("--set {}: has no effect: {}", key_of(set), why));
  }
}

/// --split; without it, the split that the --data file is named after: the layout of GLUE's test.tsv differs from that
/// of its dev.tsv.
std::string chosen_split(const EvalOptions& options, const recipe::DataConfig& data) {
  if (!options.split.empty()) return options.split;
  if (!is_file(options)) return "dev";
  const fs::path file = options.data;
  if (file.stem() == "train" || file.filename() == data.train) return "train";
  if (file.stem() == "test" || file.filename() == data.test) return "test";
  return "dev";
}

/// Refuses a file whose name ends in the name of another format, unless --set gives data.format or the recipe's own
/// files end so, too.
void refuse_other_format(const EvalOptions& options, const recipe::DataConfig& data,
                         const data::FormatRegistry& formats) {
  const std::string end = fs::path(options.data).extension().string();
  const auto ends_so = [&](const std::optional<std::string>& file) {
    return file && fs::path(*file).extension() == end;
  };
  const auto format = formats.find(recipe::format_of(data));
  if (is_set(options, "data.format") || ends_so(format->default_file("dev"))) return;
  if (ends_so(data.train) || ends_so(data.dev) || ends_so(data.test)) return;
  const auto known = formats.traits();
  if (std::ranges::none_of(known, [&](const auto& other) { return "." + other.name == end; })) return;
  const std::string other = data.task.empty() ? fmt::format("add --set data.format={}", end.substr(1))
                                              : "give a recipe (.yaml) that describes it: --data RECIPE";
  throw UsageError(
      fmt::format("--data {}: is named like a {} file, but the data format of the recipe is {}; {}, or add --set "
                  "data.format={} if the file is a {} file",
                  options.data, end.substr(1), format->name(), other, format->name(), format->name()));
}

/// The data section with the --data file as the split's.
recipe::DataConfig with_file(const EvalOptions& options, recipe::DataConfig config, const std::string& split) {
  if (!fs::exists(options.data)) throw DataError(fmt::format("{}: there is no such file", options.data));
  config.dir = fs::absolute(options.data).parent_path();
  const std::string name = fs::path(options.data).filename();
  (split == "train" ? config.train : split == "test" ? config.test : config.dev) = name;
  return config;
}

}  // namespace

bool is_recipe(const std::string& path) { return path.ends_with(".yaml") || path.ends_with(".yml"); }

recipe::Recipe own_recipe(const EvalOptions& options, const train::OpenedModel& opened,
                          const train::Registries& registries) {
  if (!opened.recipe) {
    const std::string what = options.data.empty()
                                 ? "--data is missing"
                                 : fmt::format("--data {}: no recipe describes how to read this file", options.data);
    const std::string around = recipe_of_run_around(options.model);
    throw UsageError(fmt::format(
        "filigree eval: {}: {} has no recipe.yaml beside it that names its data; give {}", what, options.model,
        around.empty() ? "a recipe (.yaml) with a data section: --data RECIPE"
                       : fmt::format("the recipe of the run that it is in: --data {}", around)));
  }
  if (options.sets.empty()) return *opened.recipe;
  return recipe::load_text(recipe::to_yaml(*opened.recipe), "the recipe of " + options.model, registries.catalog(),
                           options.sets);
}

EvalData eval_data(const EvalOptions& options, const recipe::Recipe& recipe, const data::FormatRegistry& formats) {
  EvalData found{recipe.data, chosen_split(options, recipe.data)};
  refuse_idle_sets(options, found.split);
  if (!is_file(options)) return found;
  refuse_other_format(options, recipe.data, formats);
  found.config = with_file(options, recipe.data, found.split);
  return found;
}

}  // namespace filigree::launch
