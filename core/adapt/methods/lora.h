#pragma once
// lora: a low-rank update of some linears; the rest is frozen.
#include <cstdint>
#include <string>
#include <vector>

#include "core/adapt/method.h"
#include "core/recipe/recipe.h"

namespace filigree::adapt {

/// LoRA: D = (alpha/rank) U V, V Kaiming-uniform with a = sqrt(5), U = 0.
struct LoraOptions : recipe::MethodOptions {
  int64_t rank = 8;
  double alpha = 16;
  std::vector<std::string> targets = {"query", "value"};
  bool train_head = true;
  void describe(recipe::Schema& schema) override;
  std::vector<std::string> updated_linears() const override { return targets; }
};

void add_lora(Registry& registry);

}  // namespace filigree::adapt
