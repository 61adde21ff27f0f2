#pragma once
// Faults of recipe keys that are found after the recipe is read: with the data, or with the shapes of the model. Code
// that has no recipe throws a KeyError; at_keys() adds the line or the --set that each key comes from.
#include <functional>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/recipe/recipe.h"

namespace filigree::recipe {

struct KeyFault {
  std::string key;      ///< "data.text"; of a method's option, its name: "targets"
  std::string message;  ///< "names column 'x', ..."
};

/// what(): a line "key: message" per fault.
class KeyError : public UsageError {
 public:
  explicit KeyError(std::vector<KeyFault> faults);
  KeyError(const std::string& key, const std::string& message) : KeyError({{key, message}}) {}
  const std::vector<KeyFault>& faults() const { return faults_; }

 private:
  std::vector<KeyFault> faults_;
};

/// "recipe.yaml:12: data.text: message" or "--set data.text: message"; of a section above it, if the recipe does not give
/// the key.
std::string at_key(const Recipe& recipe, const std::string& key, const std::string& message);

/// Whether the user gave the key: in a recipe of their own or, over a saved recipe, with --set.
bool is_given(const Recipe& recipe, const std::string& key);

/// The key of a stage: "stages.adapt", or by number if the name is not unique.
std::string key_of_stage(const Recipe& recipe, size_t stage);

/// Runs `body`. A KeyError becomes a UsageError with a line of at_key() per fault.
void at_keys(const Recipe& recipe, const std::function<void()>& body);

}  // namespace filigree::recipe
