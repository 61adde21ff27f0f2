#pragma once
// Class names of a model and of a task, which may list the same classes in different orders.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/nn/model.h"

namespace filigree::nn {

/// For each of the task's labels, the model's class of the same name; nullopt when the names do not match.
///
/// Names match exactly, else without regard to ASCII case. Where one side only has numbers ("0", "1", "LABEL_0",
/// "LABEL_1", all from 0 up to the count), the number is the class. Both lists have the same length.
std::optional<std::vector<int64_t>> match_labels(const std::vector<std::string>& of_model,
                                                 const std::vector<std::string>& of_task);

/// 0, 1, 2, ...
bool is_identity(const std::vector<int64_t>& order);

/// Class i of the model's logits becomes what class order[i] was. For evaluation: weights and configuration stay.
void reorder_logits(Model& model, std::vector<int64_t> order);

}  // namespace filigree::nn
