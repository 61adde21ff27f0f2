#pragma once
// Class names of a model and of a task. Both may list the same classes in different orders.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/nn/model.h"

namespace filigree::nn {

/// For each of the task's labels, the model's class of the same name; nullopt if the names do not match.
///
/// Names match exactly, or else ignoring ASCII case. If one side has only numbers ("0", "1", "LABEL_0",
/// "LABEL_1", each of 0 .. n-1 once), the number is the class. Both lists must have the same length.
std::optional<std::vector<int64_t>> match_labels(const std::vector<std::string>& of_model,
                                                 const std::vector<std::string>& of_task);

/// 0, 1, 2, ...
bool is_identity(const std::vector<int64_t>& order);

/// Moves class order[i] of the model's logits to class i. For evaluation only: weights and configuration stay the same.
void reorder_logits(Model& model, const std::vector<int64_t>& order);

}  // namespace filigree::nn
