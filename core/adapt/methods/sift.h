#pragma once
// SIFT (Song et al. 2024, arXiv 2312.11875): a sparse update of the entries with the largest gradients of the first batch.
#include <string>
#include <vector>

#include "core/adapt/method.h"
#include "core/recipe/recipe.h"

namespace filigree::adapt {

struct SiftOptions : recipe::MethodOptions {
  double rate = 0.008;
  std::vector<std::string> targets = {"query", "key", "value"};
  bool train_head = true;
  void describe(recipe::Schema& schema) override;
  std::vector<std::string> updated_linears() const override { return targets; }
};

void add_sift(Registry& registry);

}  // namespace filigree::adapt
