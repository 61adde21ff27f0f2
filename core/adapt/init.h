#pragma once
// Initial values of adapters. Element i of the logical tensor `name` is a function of only (seed, name, i),
// so it does not depend on the rank or on other tensors. fp32, on the CPU.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace filigree::adapt {

/// N(0, std_dev^2).
at::Tensor normal_values(uint64_t seed, const std::string& name, const std::vector<int64_t>& shape, double std_dev);

/// Uniform in +-sqrt(6 / ((1 + a^2) fan_in)) with a = sqrt(5), fan_in = shape[1]: torch's kaiming_uniform_,
/// as loralib initializes A.
at::Tensor kaiming_values(uint64_t seed, const std::string& name, const std::vector<int64_t>& shape);

}  // namespace filigree::adapt
