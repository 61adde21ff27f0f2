#pragma once
// The nearest known name for a mistyped one: keys of a recipe, values with choices, commands and flags.
#include <string>
#include <vector>

namespace filigree::recipe {

/// Edits (insert, delete, replace a letter, swap two neighbours) that make `b` out of `a`.
size_t edit_distance(const std::string& a, const std::string& b);

/// The known name that `name` is most likely a slip of; "" when none is near. Letter case counts less than a letter.
std::string nearest(const std::string& name, const std::vector<std::string>& known);

/// ", did you mean 'x'?", or "" for "".
std::string did_you_mean(const std::string& suggestion);

}  // namespace filigree::recipe
