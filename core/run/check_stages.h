#pragma once
// Checks the stages of a recipe against a model before anything is trained. Each stage's method is attached to a model
// that has shapes but no values, and its prune section is applied as far as it does not depend on values, so that a fault
// of the last stage is an error before the first stage trains.
#include <memory>
#include <string>
#include <vector>

#include "core/data/task.h"
#include "core/recipe/recipe.h"
#include "core/run/session.h"

namespace filigree::train {

/// The recipe's model as shapes without values, from the config.json in `dir`.
std::unique_ptr<nn::Model> model_of_shapes(const recipe::Recipe& recipe, const Registries& registries,
                                           const std::string& dir);

/// UsageError with a line for each fault, each with the line or the --set of its key: a method names parts that the model
/// lacks or that have an update or a mask already, leaves nothing to train, or has a rank or a number of entries that a
/// matrix cannot have; a prune section names linears or a score that the model does not have then; the first method cannot
/// start from model.init_lora. DataError if only the files of that adapter have faults. Attaches the methods to `shapes`
/// and prunes it, except where the number of units depends on scores: then the shapes stay as they are, the largest
/// possible. Returns warnings: options that have no effect in this model.
std::vector<std::string> check_stages(const recipe::Recipe& recipe, const Registries& registries, nn::Model& shapes);

/// UsageError, which names the recipe's line, unless eval.best is empty, `loss`, or a metric that an evaluation of this
/// task computes.
void check_best(const recipe::Recipe& recipe, const data::TaskSpec& task);

}  // namespace filigree::train
