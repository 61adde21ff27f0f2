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

/// Replaces each ${NAME}; "$${" stands for a plain "${". On a fault returns nullopt and says in `problem` what it is.
std::optional<std::string> substitute(const std::string& text, const Lookup& lookup, std::string& problem);

/// The inverse for the writer: what substitute() turns back into `text`.
std::string escape(const std::string& text);

}  // namespace filigree::recipe
