#pragma once
// The rules between sections of a recipe, checked after each value has been read and validated by itself.
#include <vector>

#include "core/recipe/bind.h"

namespace filigree::recipe {

/// Appends a problem for each broken rule. Skips a rule that needs a doubtful value (bind.h).
void check(const Recipe& recipe, const Catalog& catalog, const Source& source, std::vector<Problem>& problems);

/// Fills defaults that depend on other values: the default scope of an unstructured prune is matrix, the format of a
/// preset is that of its files.
void settle(Recipe& recipe, const Catalog& catalog, const Source& source);

}  // namespace filigree::recipe
