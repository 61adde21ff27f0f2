#pragma once
// Writes a model's low-rank and sparse updates as a LoRA adapter that the peft package loads onto the base model:
// adapter_config.json and adapter_model.safetensors.
//
// s (U V + S2) itself has low rank. Let the entries of S2 occupy k rows (or columns, if these are fewer).
// Unit columns for these rows are appended to U, and the rows themselves to V. With the extended U'
// and V', B = s U' and A = V' give B A = s U V + t S2 exactly, with rank r + k. The scale is folded in, so
// lora_alpha is the rank. Modules of other ranks are listed in rank_pattern and alpha_pattern.
#include <string>

#include "core/export/peft/adapter_files.h"

namespace filigree::checkpoint {

/// Throws and returns as write_adapter() (adapter_files.h).
double export_peft(nn::Model& model, const std::string& dir, const std::string& base, const LoadBase& reload);

}  // namespace filigree::checkpoint
