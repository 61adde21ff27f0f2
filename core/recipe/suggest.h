#pragma once
// The nearest known name for a misspelled one: recipe keys, values with choices, commands and flags.
#include <string>
#include <vector>

namespace filigree::recipe {

/// Number of edits (insert, delete or replace a letter, swap two neighbors) that turn `a` into `b`.
size_t edit_distance(const std::string& a, const std::string& b);

/// The known name that was most likely meant by `name`; "" when none is near. Ignores case.
std::string nearest(const std::string& name, const std::vector<std::string>& known);

/// "; did you mean 'x'?", or "" for "".
std::string did_you_mean(const std::string& suggestion);

}  // namespace filigree::recipe
