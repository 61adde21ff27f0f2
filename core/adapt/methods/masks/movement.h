#pragma once
// Masks from one trained score per entry (learned_mask.h):
//
//   movement       Sanh et al. 2020, arXiv 2005.07683: all weights train; the lowest scores of each matrix are removed, by a
//                  share that grows along a cubic curve
//   soft_movement  the same by a threshold of sigmoid(S) that grows from 0, with the penalty
//                  lambda * mean over matrices of mean(sigmoid(S)), where lambda grows with the threshold
#include <string>
#include <vector>

#include "core/adapt/method.h"
#include "core/recipe/recipe.h"

namespace filigree::adapt {

struct MovementOptions : recipe::MethodOptions {
  double sparsity = 0.9;
  double initial_sparsity = 0.0;
  double sparsity_warmup = 0.1;
  double sparsity_hold = 0.3;
  double score_lr_ratio = 300.0;
  std::vector<std::string> targets;  ///< empty: the encoder's linears
  std::vector<std::string> freeze;
  void describe(recipe::Schema& schema) override;
};

struct SoftMovementOptions : recipe::MethodOptions {
  double threshold = 0.1;
  double penalty = 400.0;
  double threshold_warmup = 0.1;
  double threshold_hold = 0.3;
  double score_lr_ratio = 300.0;
  std::vector<std::string> targets;
  std::vector<std::string> freeze;
  void describe(recipe::Schema& schema) override;
};

void add_movement(Registry& registry);

}  // namespace filigree::adapt
