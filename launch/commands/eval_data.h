#pragma once
// What `filigree eval` evaluates on: a split of a data section, from the recipe of the model or that of --data, with
// --data FILE and --set applied. An argument that has no effect is a UsageError, as any key without effect is.
#include <string>

#include "core/data/format.h"
#include "core/recipe/recipe.h"
#include "core/run/open_model.h"
#include "core/run/session.h"
#include "launch/options.h"

namespace filigree::launch {

/// Whether --data names a recipe, not a data file.
bool is_recipe(const std::string& path);

/// The recipe of the run that made the model, with --set applied. UsageError if there is none: the message names that of
/// the run directory that contains the model, if there is one.
recipe::Recipe own_recipe(const EvalOptions& options, const train::OpenedModel& opened,
                          const train::Registries& registries);

struct EvalData {
  recipe::DataConfig config;
  std::string split;  ///< as given, or that of the file's name, or dev
};

/// recipe: that of --data, or the model's own, with --set applied.
EvalData eval_data(const EvalOptions& options, const recipe::Recipe& recipe, const data::FormatRegistry& formats);

}  // namespace filigree::launch
