#pragma once
// What a model is trained for: the value of model.task in a recipe. It selects the head and the loss of the model, and
// what a data set must hold.
#include "core/enum_names.h"

namespace filigree {

enum class Task {
  sequence_classification,  ///< one class per sample
  regression,               ///< one score per sample
  masked_lm,                ///< masked tokens, from both sides
  causal_lm,                ///< each next token
};
constexpr std::array<EnumName<Task>, 4> enum_names(Task) {
  return {{{Task::sequence_classification, "sequence_classification"},
           {Task::regression, "regression"},
           {Task::masked_lm, "masked_lm"},
           {Task::causal_lm, "causal_lm"}}};
}

/// Whether the loss is per token, over the vocabulary (language modeling), and not per sample.
constexpr bool is_over_tokens(Task task) { return task == Task::masked_lm || task == Task::causal_lm; }

}  // namespace filigree
