#pragma once
// Applies --set a.b=c to the tree of a recipe, before it is read. A list item is selected by number or by its `name`.
// Keys that the file lacks are added; the loader then validates them like any other key.
#include <string>
#include <vector>

#include "core/recipe/load.h"
#include "core/recipe/yaml/tree.h"

namespace filigree::recipe {

/// Setting one of `epochs` and `max_steps` removes the other if it comes from the file: a line in `notes` reports that.
void apply_set(Tree& recipe, const std::string& argument, std::vector<Problem>& problems,
               std::vector<std::string>& notes);

}  // namespace filigree::recipe
