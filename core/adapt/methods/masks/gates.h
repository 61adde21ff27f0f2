#pragma once
// The search stage of EarlyBERT (Chen et al. 2021, arXiv 2101.00063): all parameters train, and one gate per head and per FFN
// neuron (core/nn/column_gates.h), first 1, with the penalty lambda * sum |c|. A prune by the score `gates` then removes the
// units with the lowest gates, signed, as in the released code; `rewind` returns the weights to the start.
//
// A method of a later stage multiplies the gates into the weights and removes them.
#include <cstdint>
#include <string>
#include <vector>

#include "core/adapt/method.h"
#include "core/recipe/recipe.h"

namespace filigree::adapt {

struct GatesOptions : recipe::MethodOptions {
  double penalty = 1e-4;
  double gate_lr_ratio = 1.0;
  double stop_distance = 0.0;  ///< 0: the stage trains all its steps
  int64_t draw_every = 10;     ///< steps between two draws
  int64_t draws = 5;
  double heads = 1.0 / 3.0;
  double ffn = 0.4;
  std::vector<std::string> freeze;
  void describe(recipe::Schema& schema) override;
  bool may_end_early() const override { return stop_distance > 0; }
};

void add_gates(Registry& registry);

}  // namespace filigree::adapt
