#pragma once
// LayerNorm tuning (Zhao et al. 2023, arXiv 2312.11420): trains the scale and shift of the layer norms and the task head.
#include <string>
#include <vector>

#include "core/adapt/method.h"
#include "core/recipe/recipe.h"

namespace filigree::adapt {

struct LayerNormOptions : recipe::MethodOptions {
  std::vector<std::string> modules;
  void describe(recipe::Schema& schema) override;
};

void add_layernorm(Registry& registry);

}  // namespace filigree::adapt
