#pragma once
// Shared by the methods: select linears by name and set which parameters are trained. Targets are the
// patterns of core/name_pattern.h.
#include <functional>
#include <string>
#include <vector>

#include "core/nn/model.h"

namespace filigree::adapt {

/// The linears that match any target, in the model's order. Throws KeyError of the option `targets`, which lists the
/// linears, with a fault for each target that matches none.
std::vector<nn::Linear*> matching_linears(nn::Model& model, const std::vector<std::string>& targets);

/// Makes each frozen or trainable parameter trainable if `trains` returns true for it, and frozen otherwise.
/// Masks and buffers keep their role.
void set_trainable(nn::Model& model, const std::function<bool(const nn::Parameter&)>& trains);

/// Throws KeyError of the option `key` for the words that match no parameter of the model. matches(word, name of a parameter).
void refuse_idle(nn::Model& model, const std::vector<std::string>& words, const std::string& key,
                 const std::function<bool(const std::string&, const std::string&)>& matches);

/// Trains the head and the parameters for which matches(module, name) is true for one of the modules, the values of the
/// option `modules`; without modules, for the module "*". Throws as refuse_idle().
void train_modules(nn::Model& model, const std::vector<std::string>& modules,
                   const std::function<bool(const std::string&, const std::string&)>& matches);

/// True for the parameters of the task head.
std::function<bool(const nn::Parameter&)> in_head(const nn::Model& model);

}  // namespace filigree::adapt
