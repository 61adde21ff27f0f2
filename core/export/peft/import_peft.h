#pragma once
// A LoRA of the peft package as the start of a run: its factors become the first columns of U and rows of V that a
// method has just attached, its trained head the model's.
//
//   U[:, :r] = (s_peft / s) B,  V[:r] = A,  the other columns of U are 0:  s U V = s_peft B A
//
// A module that is fused in the files (GPT-2's c_attn) is taken apart. A LoRA has its head in the order of its base's
// classes, which the model may have in another one (base_classes).
#include <cstdint>
#include <string>
#include <vector>

#include "core/export/peft/peft_lora.h"
#include "core/nn/model.h"

namespace filigree::checkpoint {

/// For each class of the model, the class of the same name of the base in `dir` (id2label of config.json). Empty: they
/// have the same order, or no names that match.
std::vector<int64_t> base_classes(const nn::Model& model, const std::string& dir);

/// Whether a parameter has a row per class.
bool has_classes(nn::Model& model, const std::string& parameter);

/// Into the updates of `model`, of which each may be cut. Throws UsageError where the model has no update for a linear
/// that the LoRA changes, or one of a smaller rank; DataError where names or shapes are of another model.
void continue_from(nn::Model& model, const PeftLora& lora, const std::vector<int64_t>& classes = {});

/// Into the weights of a model that lies on this rank alone: W + s_peft B A, and the head. Throws as continue_from.
void merge(nn::Model& model, const PeftLora& lora, const std::vector<int64_t>& classes = {});

}  // namespace filigree::checkpoint
