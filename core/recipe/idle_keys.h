#pragma once
// The keys that nothing reads, because of the task of the model or the format of the data. A key whose use depends on
// another key of its own section declares that with Field::only (schema.h).
#include <functional>
#include <string>
#include <vector>

#include "core/recipe/bind.h"
#include "core/recipe/catalog.h"
#include "core/recipe/recipe.h"

namespace filigree::recipe {

struct IdleKey {
  std::string path;             ///< "data.pack", "stages.recover.train.distill.temperature"
  std::string depends_on;       ///< the key that decides: "model.task"
  std::string when;             ///< the condition under which it is used: "model.task is causal_lm"
  std::function<void()> reset;  ///< gives it its default
};

/// The idle keys of `recipe`, to which they refer; without a format, only those that the task of the model decides.
std::vector<IdleKey> idle_keys(Recipe& recipe, const FormatTraits* format);

/// Appends a problem for each idle key that the user gave, unless a problem names the key already. If a --set made a key
/// of the file idle, the message names that --set and how to remove the key.
void check_idle_keys(const Recipe& recipe, const Catalog& catalog, const Source& source,
                     std::vector<Problem>& problems);

/// Gives idle keys their defaults, so that they are no difference between two recipes.
void reset_idle_keys(Recipe& recipe, const Catalog& catalog);

}  // namespace filigree::recipe
