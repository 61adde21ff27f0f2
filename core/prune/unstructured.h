#pragma once
// Unstructured pruning: 0/1 masks over weights. Of a pool of n entries exactly floor(share n + 0.5) are zero
// afterwards, including those that were zero before (a mask entry that is 0 stays 0). The lowest scores are
// removed. Of equal scores, the entry with the higher logical index is removed first (order of the linears,
// then row-major). The mask multiplies only W0 and the adapter's update stays, unless it covers the update.
//
//   auto linears = select_linears(model, config.targets);
//   Sparsity result = prune_weights(model, linears, {.share = 0.5, .global = true,
//                                                    .scores = {.score = scores.at("magnitude")}}, mesh.tp());
#include <nlohmann/json_fwd.hpp>

#include <string>
#include <vector>

#include "core/nn/model.h"
#include "core/prune/score.h"

namespace filigree::prune {

/// The linears whose names end in one of `targets` (full words between dots). Without targets: all that belong to a
/// prunable structure, i.e. the encoder's. Throws recipe::KeyError, which lists the
/// names, with a fault for each target that matches none.
std::vector<nn::Linear*> select_linears(nn::Model& model, const std::vector<std::string>& targets);

struct WeightRequest {
  double share = 0.5;          ///< share of each pool's entries that are zero afterwards
  bool global = false;         ///< one pool of all linears; else one pool per matrix
  bool covers_update = false;  ///< the masks cover the linears' updates too
  ScoreRequest scores = {};    ///< only kind, regrow, seed and data are used
};

struct Sparsity {
  int64_t entries = 0;
  int64_t zeros = 0;
};

/// Sets the masks. The threshold is exact over the parts on all ranks of `tp`: it is found from summed counts, and no
/// rank receives another's weights. Collective.
Sparsity prune_weights(nn::Model& model, const std::vector<nn::Linear*>& linears, const WeightRequest& request,
                       dist::Communicator& tp);

/// Name of a linear's mask in the parameter table: "<linear>.mask".
std::string mask_name(const nn::Linear& linear);

/// What a run state keeps of masks to set them again: {"masks": names, "cover_updates": names of those that do}.
nlohmann::json names_of_masks(const std::vector<nn::Linear*>& linears);

/// A mask of ones, unless the linear has one. covers_update: it covers the linear's update from now on.
void add_mask(nn::Model& model, nn::Linear& linear, bool covers_update);

/// Adds masks of ones by these names, or by a list of names (states of earlier versions). DataError if a linear is missing.
void add_masks(nn::Model& model, const nlohmann::json& names);

/// Sets `mask` (uint8 [out, in]) on the linear and in the table; replaces an existing one.
void put_mask(nn::Model& model, nn::Linear& linear, const at::Tensor& mask);

}  // namespace filigree::prune
