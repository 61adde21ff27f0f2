#pragma once
// Sums over the rows or columns of units, shared by the scores.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "core/nn/structure.h"

namespace filigree::prune {

/// Sums a matrix of entry scores (or a vector of bias scores) over each unit's slice: fp64 [units], on the CPU.
at::Tensor by_unit(const at::Tensor& entries, int64_t dim, int64_t unit);

std::vector<double> to_vector(const at::Tensor& values);  ///< of an fp64 tensor on the CPU

/// The linear that takes the outputs of the group's units, as columns.
const nn::Linear& output_linear(const nn::StructureGroup& group);

}  // namespace filigree::prune
