#pragma once
// Summary of a model's current state, for `filigree inspect`, the prune line of metrics.jsonl and the report.
//
// Sparsity is the share of exact zeros (by mask or in the weight itself) among the encoder's linear weights, i.e. those
// that belong to a prunable structure. FLOPs are 2 x multiply-adds of one forward pass. The unpruned model's FLOPs are
// the current ones plus those of the removed units. Per token, a removed unit of `unit` rows (columns) costs
//   2 * unit * in_features (out_features)   in each member, and
//   4 * unit * n                            for a head, for its attention over n tokens.
#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/nn/model.h"

namespace filigree::dist {
class Communicator;
}

namespace filigree::prune {

/// Remaining units of one kind, per layer.
std::vector<int64_t> units_left(nn::Model& model, nn::StructureKind kind);
/// Entries of the linears that are 0, in the weight or by the mask, over the parts on all ranks of `tp`. Collective.
int64_t zeros_in(const std::vector<nn::Linear*>& linears, dist::Communicator& tp);
/// Share of zeros among the encoder's linear weights, over the parts of the model on all ranks of `tp`. Collective.
double sparsity(nn::Model& model, dist::Communicator& tp);
/// Tokens of the sequence that FLOPs are given for if no length is chosen: 128, or the model's positions if it has fewer.
int64_t flops_length(const nn::Model& model);
/// FLOPs of a sequence of n tokens before any unit was removed.
double unpruned_flops(nn::Model& model, int64_t n);

struct ModelSummary {
  std::string family;
  std::string task;
  int64_t parameters = 0;  ///< logical, with adapters, without masks
  int64_t trainable = 0;
  double sparsity = 0;                           ///< of the base weights
  std::optional<double> merged_sparsity;         ///< with the updates merged; empty without an update
  std::vector<int64_t> heads_left, heads_total;  ///< by layer
  std::vector<int64_t> ffn_left, ffn_total;
  int64_t sequence = 0;  ///< sequence length for flops, in tokens
  double flops = 0;      ///< per sequence
  double unpruned_flops = 0;
};

/// Collective over `tp`, the ranks that share one copy of the model. sequence: tokens that FLOPs are for, at most the
/// model's positions.
ModelSummary summarize(nn::Model& model, dist::Communicator& tp, int64_t sequence);

/// {"family":…,"task":…,"parameters":…,"trainable":…,"trainable_share":…,"sparsity":…,"heads_left":[…],
///  "heads_total":[…],"ffn_left":[…],"ffn_total":[…],"sequence":…,"flops":…,"flops_per_token":…,"flops_ratio":…},
/// and "merged_sparsity" if there is one
nlohmann::json to_json(const ModelSummary& summary);
std::string to_text(const ModelSummary& summary);  ///< human-readable table

}  // namespace filigree::prune
