#pragma once
// The methods that add nothing and train a part of the model's own parameters: full, bitfit, head.
#include <string>
#include <vector>

#include "core/adapt/method.h"
#include "core/recipe/recipe.h"

namespace filigree::adapt {

/// Everything trains, updates of earlier stages included, but for what `freeze` names. A linear with a mask keeps it:
/// the forward pass uses mask * W, so that masked entries get no gradient.
struct FullOptions : recipe::MethodOptions {
  std::vector<std::string> freeze;
  void describe(recipe::Schema& schema) override;
};

/// BitFit: every parameter whose name ends in "bias", or only those of the named modules, and the task head.
struct BitfitOptions : recipe::MethodOptions {
  std::vector<std::string> modules;
  void describe(recipe::Schema& schema) override;
};

/// The task head alone.
struct HeadOptions : recipe::MethodOptions {
  void describe(recipe::Schema& schema) override;
};

void add_subset_methods(Registry& registry);

}  // namespace filigree::adapt
