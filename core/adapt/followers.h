#pragma once
// Parameters that go with the rows and columns of a linear (nn::Follower). What is declared here determines how they are
// placed on the tensor-parallel axis, and that a prune and a rebalance change them with the linear: a parameter with an
// index per row (column) is split where the weight is split by rows (columns). A parameter that is not split where the
// weight is has a partial gradient on each rank.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

#include "core/nn/linear.h"
#include "core/nn/parameter.h"

namespace filigree::adapt {

/// Adds "<linear>.<suffix>". whole: first values of the full parameter; rows, columns: the dimensions of it that follow the
/// linear's rows and columns, -1 for none. unit: it has one index per so many rows or columns, such as one per head.
nn::ParameterPtr add_follower(nn::ParameterTable& table, nn::Linear& linear, const std::string& suffix,
                              const at::Tensor& whole, nn::Role role, int64_t rows, int64_t columns, int64_t unit = 1);

/// Adds "<linear>.<suffix>" of the weight's shape. local: first values of this rank's part.
nn::ParameterPtr add_entries_like(nn::ParameterTable& table, nn::Linear& linear, const std::string& suffix,
                                  const at::Tensor& local, nn::Role role);

/// Adds "<linear>.<suffix>", fp32, one number per row (dim 0) or column (dim 1), 0 at first.
nn::ParameterPtr add_lines(nn::ParameterTable& table, nn::Linear& linear, const std::string& suffix, int64_t dim,
                           nn::Role role);

/// Removes what one of these added.
void remove_follower(nn::ParameterTable& table, nn::Linear& linear, const nn::Parameter& parameter);

}  // namespace filigree::adapt
