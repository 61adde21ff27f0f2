#pragma once
// Block movement pruning (Lagunas et al. 2021, arXiv 2109.04838): soft movement with one trained score per square block of an
// attention matrix, and one per FFN neuron, which masks the neuron's row of the first and its column of the second matrix.
// All weights train. A prune with `score: live` and `below: 0` then removes the heads and neurons of which nothing is left.
//
// A method of a later stage multiplies the masks into the weights and removes them, so that it trains what is left as a
// dense model ("filled" in the paper).
#include <cstdint>
#include <string>
#include <vector>

#include "core/adapt/method.h"
#include "core/recipe/recipe.h"

namespace filigree::adapt {

struct BlockMovementOptions : recipe::MethodOptions {
  int64_t block = 32;  ///< rows and columns of a block; must divide the size of a head and the hidden size
  double threshold = 0.1;
  double penalty = 400.0;
  double threshold_warmup = 0.1;
  double threshold_hold = 0.3;
  double score_lr_ratio = 300.0;
  std::vector<std::string> freeze;
  void describe(recipe::Schema& schema) override;
};

void add_block_movement(Registry& registry);

}  // namespace filigree::adapt
