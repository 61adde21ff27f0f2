#pragma once
// What a model is made of now: `filigree inspect`, the prune line of metrics.jsonl and the report read these.
//
// Sparsity is the share of exact zeros (by mask or in the weight itself) among the encoder's linear weights, i.e. those
// that belong to a prunable structure. FLOPs are multiply-adds x 2 of one forward pass. The unpruned model's count is
// the present one plus what the removed units would take: in a member of `other` rows or columns 2 * other per line and
// token, and for a head of d columns 4 d n per token for its attention over n tokens.
#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <string>
#include <vector>

#include "core/nn/model.h"

namespace filigree::dist {
class Communicator;
}

namespace filigree::prune {

/// Units left of one kind, in order of layers.
std::vector<int64_t> units_left(nn::Model& model, nn::StructureKind kind);
/// Share of zeros among the encoder's linear weights; of all parts with `tensor`, the ranks that hold them
/// (collective).
double sparsity(nn::Model& model, dist::Communicator* tensor = nullptr);
/// FLOPs of a sequence of n tokens before any unit was removed.
double unpruned_flops(nn::Model& model, int64_t n);

struct ModelSummary {
  std::string family;
  std::string task;
  int64_t parameters = 0;  ///< logical, adapters included, masks not
  int64_t trainable = 0;
  double sparsity = 0;
  std::vector<int64_t> heads_left, heads_total;  ///< by layer
  std::vector<int64_t> ffn_left, ffn_total;
  int64_t sequence = 0;  ///< tokens of the sequence that flops are of
  double flops = 0;      ///< of one sequence
  double unpruned_flops = 0;
};

/// tensor: as for sparsity().
ModelSummary summarize(nn::Model& model, int64_t sequence = 128, dist::Communicator* tensor = nullptr);

/// {"family":…,"task":…,"parameters":…,"trainable":…,"trainable_share":…,"sparsity":…,"heads_left":[…],"heads_total":[…],
///  "ffn_left":[…],"ffn_total":[…],"sequence":…,"flops":…,"flops_per_token":…,"flops_ratio":…}
nlohmann::json to_json(const ModelSummary& summary);
std::string to_text(const ModelSummary& summary);  ///< a table for people

}  // namespace filigree::prune
