#pragma once
// Mixout (Lee et al. 2020, arXiv 1909.11299): all weights train. In each step, every linear uses its pretrained weight for
// the columns that are drawn with probability p.
#include <cstdint>
#include <string>
#include <vector>

#include "core/adapt/method.h"
#include "core/recipe/recipe.h"

namespace filigree::adapt {

struct MixoutOptions : recipe::MethodOptions {
  double probability = 0.7;
  bool exact_gradient = false;
  std::vector<std::string> freeze;
  void describe(recipe::Schema& schema) override;
};

void add_mixout(Registry& registry);

}  // namespace filigree::adapt
