#pragma once
// Writes a model's low-rank and sparse updates as a LoRA adapter that the peft package loads onto the base model:
// adapter_config.json and adapter_model.safetensors.
//
// s (U V + S2) itself has low rank. Let the entries of S2 occupy k rows (or columns, if these are fewer).
// Unit columns for these rows are appended to U, and the rows themselves to V. With the extended U'
// and V', B = s U' and A = V' give B A = s U V + t S2 exactly, with rank r + k. The scale is folded in, so
// lora_alpha is the rank. Modules of other ranks are listed in rank_pattern and alpha_pattern.
//
// The base weights stay unchanged in this format: a model with pruned structures or masks, or with trained
// parameters other than updates and the task head, is refused with a UsageError. The head's classes are
// written in the base's order, if the base names them.
#include <functional>
#include <memory>
#include <string>

#include "core/nn/model.h"

namespace filigree::checkpoint {

/// base: directory of the base model, as the adapter's config names it; `reload` loads it. The adapter is
/// read back, merged into that base and compared with the live model on a probe batch before the directory is
/// renamed into place. Returns the largest difference of a logit; throws InternalError beyond
/// kExportTolerance (export.h).
double export_peft(nn::Model& model, const std::string& dir, const std::string& base,
                   const std::function<std::unique_ptr<nn::Model>(const std::string& dir)>& reload);

}  // namespace filigree::checkpoint
