#pragma once
// Activations by their names in config.json files.
#include <ATen/core/Tensor.h>

#include <optional>
#include <string>
#include <vector>

namespace filigree::nn::ops {

enum class Activation { gelu, gelu_tanh, relu, silu, tanh };

/// nullopt for an unknown name.
std::optional<Activation> activation_from(const std::string& name);
std::vector<std::string> activation_names();

at::Tensor activate(const at::Tensor& x, Activation activation);

}  // namespace filigree::nn::ops
