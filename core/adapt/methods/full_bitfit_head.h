#pragma once
// The methods that add no parameters and train a subset of the model's own: full, bitfit, head.
#include <string>
#include <vector>

#include "core/adapt/method.h"
#include "core/recipe/recipe.h"

namespace filigree::adapt {

/// Trains everything, including updates of earlier stages, except what `freeze` names. A linear with a mask
/// keeps it: the forward pass uses mask * W, so masked entries get no gradient.
struct FullOptions : recipe::MethodOptions {
  std::vector<std::string> freeze;
  void describe(recipe::Schema& schema) override;
};

/// BitFit: trains every parameter whose name ends in "bias", or only those of the named modules, and the task head.
struct BitfitOptions : recipe::MethodOptions {
  std::vector<std::string> modules;
  void describe(recipe::Schema& schema) override;
};

/// Trains only the task head.
struct HeadOptions : recipe::MethodOptions {
  void describe(recipe::Schema& schema) override;
};

void add_subset_methods(Registry& registry);

}  // namespace filigree::adapt
