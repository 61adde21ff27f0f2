#pragma once
// Writes a model's low-rank and sparse updates as a LoRA adapter that the peft package loads onto the base model:
// adapter_config.json and adapter_model.safetensors.
//
// s (U V + S2) is itself of low rank. With the N entries of S2 lying on k rows (or columns, whichever are fewer), unit
// columns for these rows are appended to B = s U, and the rows themselves to A = V: B' A' = s (U V + S2) exactly, of
// rank r + k. The scale is folded in, so lora_alpha is the rank. Modules of other ranks are named in rank_pattern and
// alpha_pattern.
//
// The base weights stay whole in that format: a model with pruned structures or masks, or one where anything but
// updates and the task head was trained, is refused with a UsageError. The head's classes are written in the base's
// order, where the base names them.
#include <functional>
#include <memory>
#include <string>

#include "core/nn/model.h"

namespace filigree::checkpoint {

/// base: directory of the base model, as the adapter's config names it; reload loads it. What was written is read back,
/// merged into that base and compared with the live model on a probe batch before the directory gets its name. Returns
/// the largest difference of a logit; throws InternalError beyond kExportTolerance (export.h).
double export_peft(nn::Model& model, const std::string& dir, const std::string& base,
                   const std::function<std::unique_ptr<nn::Model>(const std::string& dir)>& reload);

}  // namespace filigree::checkpoint
