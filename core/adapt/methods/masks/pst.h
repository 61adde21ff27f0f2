#pragma once
// PST, parameter-efficient sparse training (Li et al. 2022, arXiv 2205.11005): W' = M o (W0 + beta U V), where M follows
// from |W0 + beta U V| and from low-rank and row and column scores (core/adapt/learned_mask.h). U, V and the scores train.
// The share of zeros grows along a cubic curve.
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "core/adapt/method.h"
#include "core/enum_names.h"

namespace filigree::adapt {

/// First values of the two products U V and A B: N(0, 1) for the left factor and 0 for the right one as in the released
/// code, or those of LoRA.
enum class PstInit { released, lora };
constexpr std::array<EnumName<PstInit>, 2> enum_names(PstInit) {
  return {{{PstInit::released, "released"}, {PstInit::lora, "lora"}}};
}

struct PstOptions : recipe::MethodOptions {
  int64_t rank = 8;
  int64_t score_rank = 8;
  double scale = 1.0;
  double score_scale = 1.0;
  double line_scale = 1.0;
  double sparsity = 0.9;
  double initial_sparsity = 0.0;
  double sparsity_warmup = 0.1;
  double sparsity_hold = 0.3;
  PstInit init = PstInit::released;
  std::vector<std::string> targets;  ///< empty: the encoder's linears
  bool train_head = true;
  void describe(recipe::Schema& schema) override;
  std::vector<std::string> updated_linears() const override { return targets; }
};

void add_pst(Registry& registry);

}  // namespace filigree::adapt
