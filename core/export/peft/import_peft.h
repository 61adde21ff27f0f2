#pragma once
// Starts a run from an adapter of the peft package: its factors become the first columns of U and the first rows
// of V of a newly attached method, the entries of Super-Tuning become entries of S2, and its trained head becomes the
// model's.
//
//   U[:, :r] = (s_peft / s) B,  V[:r] = A,  the other columns of U are 0:  s U V = s_peft B A
//   S2 = S / t on the adapter's positions; positions that S2 has in addition keep the method's choice, with 0
//
// A module that is fused in the files (GPT-2's c_attn) is split. An adapter's head has the class order of its
// base, which may differ from the model's (base_classes).
#include <cstdint>
#include <string>
#include <vector>

#include "core/export/peft/peft_lora.h"
#include "core/nn/model.h"

namespace filigree::checkpoint {

/// For each class of the model, the class of the same name of the base in `dir` (id2label of config.json).
/// Empty: the order is the same, or the names do not match.
std::vector<int64_t> base_classes(const nn::Model& model, const std::string& dir);

/// Whether a parameter has one row per class.
bool has_classes(nn::Model& model, const std::string& parameter);

/// Whether the model was built with the task's labels.
enum class Classes { known, unknown };

/// Checks that continue_from() can copy the adapter into the updates of `model`, which may have shapes without values.
/// Throws recipe::KeyError of model.init_lora if the model has no update for a linear that the adapter changes, or one of
/// a smaller rank or with fewer entries; DataError if names or shapes belong to a different model. classes: if unknown,
/// the head may have another number of classes.
void check_start(nn::Model& model, const PeftLora& lora, Classes classes = Classes::known);

/// Copies the adapter into the updates of `model`, which may be sharded. Throws as check_start(), before any change, and
/// DataError if a parameter that the adapter's base lacks has other values.
void continue_from(nn::Model& model, const PeftLora& lora, const std::vector<int64_t>& classes = {});

/// Merges the adapter into the weights of a model that is entirely on this rank: W + S + s_peft B A, the head, and the
/// parameters that the base's files lack.
/// Throws DataError as continue_from().
void merge(nn::Model& model, const PeftLora& lora, const std::vector<int64_t>& classes = {});

}  // namespace filigree::checkpoint
