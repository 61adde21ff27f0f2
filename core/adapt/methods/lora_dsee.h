#pragma once
// The methods that add low-rank and sparse updates to some linears and freeze the rest: dsee and lora.
#include <cstdint>
#include <string>
#include <vector>

#include "core/adapt/method.h"
#include "core/adapt/support.h"
#include "core/recipe/recipe.h"

namespace filigree::adapt {

/// DSEE: D = (alpha/rank) (U V + S2), V ~ N(0, 0.02^2), U = S2 = 0, S2 on a fixed support chosen from the
/// pretrained weight. With rank 0 the scale is 1.
struct DseeOptions : recipe::MethodOptions {
  int64_t rank = 16;
  double alpha = 32;
  int64_t num_sparse = 64;
  std::vector<std::string> targets = {"query", "value"};
  SupportKind support = SupportKind::grebsmo;
  int64_t passes = 0;
  bool train_head = true;
  void describe(recipe::Schema& schema) override;
  std::vector<std::string> updated_linears() const override { return targets; }
};

/// LoRA: D = (alpha/rank) U V, V Kaiming-uniform with a = sqrt(5), U = 0.
struct LoraOptions : recipe::MethodOptions {
  int64_t rank = 8;
  double alpha = 16;
  std::vector<std::string> targets = {"query", "value"};
  bool train_head = true;
  void describe(recipe::Schema& schema) override;
  std::vector<std::string> updated_linears() const override { return targets; }
};

void add_update_methods(Registry& registry);

}  // namespace filigree::adapt
