#pragma once
// ${VAR} in the values of a recipe.
#include <functional>
#include <optional>
#include <string>

namespace filigree::recipe {

using Lookup = std::function<std::optional<std::string>(const std::string& name)>;

/// The process's environment, with FILIGREE_HOME defaulting to ~/.cache/filigree, and FILIGREE_MODELS and FILIGREE_DATA
/// to models and data in it.
std::optional<std::string> variable(const std::string& name);

/// Replaces each ${NAME}; "$${" becomes a literal "${". On an error, returns nullopt and describes it in `problem`.
std::optional<std::string> substitute(const std::string& text, const Lookup& lookup, std::string& problem);

/// The inverse, for the writer: substitute() turns the result back into `text`.
std::string escape(const std::string& text);

}  // namespace filigree::recipe
