#pragma once
// What the methods share: naming linears, and saying which parameters train.
// Targets are patterns of core/name_pattern.h.
#include <functional>
#include <string>
#include <vector>

#include "core/nn/model.h"

namespace filigree::adapt {

/// The linears that some target names, in the model's order. A target that names none is a UsageError which lists what
/// there is; `key` is the option's name, for the message.
std::vector<nn::Linear*> matching_linears(nn::Model& model, const std::vector<std::string>& targets,
                                          const std::string& key);

/// Every parameter that is frozen or trainable becomes trainable where `trains` says so and frozen otherwise.
/// Masks and buffers stay what they are.
void set_trainable(nn::Model& model, const std::function<bool(const nn::Parameter&)>& trains);

/// True for the parameters of the task head.
std::function<bool(const nn::Parameter&)> in_head(const nn::Model& model);

}  // namespace filigree::adapt
