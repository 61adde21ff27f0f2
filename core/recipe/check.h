#pragma once
// The rules that hold between sections of a recipe, after each value has been read and found good by itself.
#include <vector>

#include "core/recipe/bind.h"

namespace filigree::recipe {

/// Appends a problem for each broken rule. A rule is passed over where a value that it needs is itself in doubt.
void check(const Recipe& recipe, const Source& source, std::vector<Problem>& problems);

/// Fills what one section's default takes from another: the scope of an unstructured prune is each matrix.
void settle(Recipe& recipe, const Source& source);

}  // namespace filigree::recipe
