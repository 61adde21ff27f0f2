#pragma once
// Unstructured pruning: 0/1 masks over weights. Of a pool of n entries exactly floor(share n + 0.5) are zero
// afterwards, those that were zero before included (a mask once 0 stays 0). The lowest scores go; of equal scores the
// entry with the higher logical index goes first (order of the linears, then row by row). The mask multiplies W0 only;
// the adapter's update stays.
//
//   auto linears = select_linears(model, config.targets);
//   Sparsity result = prune_weights(model, linears, {.share = 0.5, .global = true, .scores = {.kind =
//   ScoreKind::magnitude}});
#include <string>
#include <vector>

#include "core/nn/model.h"
#include "core/prune/score.h"
#include "core/prune/select.h"

namespace filigree::prune {

/// The linears whose names end in one of `targets` (whole words between dots); none named: all that belong to a
/// prunable structure, i.e. the encoder's. Throws UsageError when a target fits none, naming what there is.
std::vector<nn::Linear*> select_linears(nn::Model& model, const std::vector<std::string>& targets);

struct WeightRequest {
  double share = 0.5;        ///< of each pool's entries to be zero after this
  bool global = false;       ///< one pool of all the linears; else each matrix is its own
  ScoreRequest scores = {};  ///< kind, seed, data and tensor; the rest is not read
};

struct Sparsity {
  int64_t entries = 0;
  int64_t zeros = 0;
};

/// Sets the masks. On a tensor-parallel axis the threshold is the exact one over all parts, found from summed counts;
/// no rank sees another's weights. Collective then, and when the score reads data.
Sparsity prune_weights(nn::Model& model, const std::vector<nn::Linear*>& linears, const WeightRequest& request);

/// Name of a linear's mask in the parameter table: "<linear>.mask".
std::string mask_name(const nn::Linear& linear);

/// Puts `mask` (uint8 [out, in]) on the linear and in the table, in place of one that is there.
void put_mask(nn::Model& model, nn::Linear& linear, const at::Tensor& mask);

}  // namespace filigree::prune
