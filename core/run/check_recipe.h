#pragma once
// `filigree check`: everything about a recipe that can be checked without training: the files of the model (headers of
// the weights, tokenizer), the stages on a model of shapes, and the rows of the data.
#include <string>
#include <vector>

#include "core/recipe/recipe.h"
#include "core/run/session.h"

namespace filigree::train {

/// Throws all errors as one, a line for each: a UsageError if there is a fault of the recipe, else a DataError. Returns
/// warnings.
std::vector<std::string> check_recipe(const recipe::Recipe& recipe, const Registries& registries);

}  // namespace filigree::train
