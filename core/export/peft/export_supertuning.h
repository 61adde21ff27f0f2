#pragma once
// Writes a model's low-rank and sparse updates as an adapter of Super-Tuning (arXiv 2607.09287, peft 0.21), which the peft
// package loads onto the base model. It is that paper's form Supra, or Super if no update has a low-rank part:
//
//   D = S + (lora_alpha / r) B A,   S: N values at flat positions of the weight; peft does not scale them
//
// S2 is written as it is: S = t S2. (As a LoRA it needs a further rank for each row or column that it occupies,
// export_peft.h.)
//
// peft has one rank for all modules: smaller ones are filled up with zeros. It has one `sparsity` as well, from which
// follows N = int(numel * (1 - sparsity)) of each weight. It is chosen so that each N has room for the entries; the
// other values are zeros.
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/export/peft/adapter_files.h"

namespace filigree::checkpoint {

/// The highest sparsity at which peft has at least one entry and the given number of entries in each weight.
/// weights: (entries of S2, entries of the weight), where the former are at most the latter.
double common_sparsity(const std::vector<std::pair<int64_t, int64_t>>& weights);

/// Throws and returns as write_adapter() (adapter_files.h). Also throws UsageError for a model without a sparse update, for
/// a weight that transformers stores transposed or fused (GPT-2's Conv1D: peft accepts only nn.Linear), and for one of
/// 2^31 or more entries.
double export_supertuning(nn::Model& model, const std::string& dir, const std::string& base, const LoadBase& reload);

}  // namespace filigree::checkpoint
