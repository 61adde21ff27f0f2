#pragma once
// --set a.b=c on the tree of a recipe, before it is read. List items are named by number or by their `name`; keys that
// the file lacks are added, and the loader then judges them like any other.
#include <string>
#include <vector>

#include "core/recipe/load.h"
#include "core/recipe/tree.h"

namespace filigree::recipe {

void apply_set(Tree& recipe, const std::string& argument, std::vector<Problem>& problems);

}  // namespace filigree::recipe
