#pragma once
#include <ATen/core/Tensor.h>

#include <string>

namespace filigree::checkpoint {

/// Throws DataError if the tensor of the file contains NaN or infinity. values: fp32.
void check_finite(const at::Tensor& values, const std::string& file, const std::string& tensor);

}  // namespace filigree::checkpoint
