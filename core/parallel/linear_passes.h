#pragma once
// Which linears of a model need a gradient of their input, and which run twice, without running the model: from the
// roles of its parameters and their order in the table, which is the order of the forward pass.
//
//   input_gradient  something before the linear trains, so its backward pass computes the gradient of its input. The
//                   linears of a group that read the same input (query, key, value) do not count for each other
//   again           activation checkpointing runs its layer again in the backward pass
#include <cstdint>
#include <vector>

#include "core/nn/model.h"

namespace filigree::train {

struct LinearPass {
  static constexpr int64_t kHead = -1;
  nn::Linear* linear = nullptr;
  int64_t layer = kHead;
  bool input_gradient = false;
  bool again = false;
};

/// All linears of the model, in the order of the forward pass. recompute: with activation checkpointing.
std::vector<LinearPass> linear_passes(nn::Model& model, bool recompute);

/// Parameters of the updates, which are not part of the base model.
std::vector<const nn::Parameter*> update_parameters(nn::Model& model);

}  // namespace filigree::train
