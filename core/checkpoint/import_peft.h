#pragma once
// A LoRA of the peft package as the start of a run: its factors become the first columns of U and rows of V that a
// method has just attached, its trained head the model's.
//
//   U[:, :r] = (s_peft / s) B,  V[:r] = A,  the other columns of U are 0:  s U V = s_peft B A
//
// A module that is fused in the files (GPT-2's c_attn) is taken apart.
#include "core/checkpoint/peft_lora.h"
#include "core/nn/model.h"

namespace filigree::checkpoint {

/// Into the updates of `model`, of which each may be cut. Throws UsageError where the model has no update for a linear
/// that the LoRA changes, or one of a smaller rank; DataError where names or shapes are of another model.
void continue_from(nn::Model& model, const PeftLora& lora);

/// Into the weights of a model that lies on this rank alone: W + s_peft B A, and the head. Throws as continue_from.
void merge(nn::Model& model, const PeftLora& lora);

}  // namespace filigree::checkpoint
