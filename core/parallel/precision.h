#pragma once
// parallel.precision: the data type of frozen weights and of the computation; parallel.grad_dtype: of the gradients that
// the ranks exchange.
#include <ATen/core/Tensor.h>

#include "core/recipe/choices.h"

namespace filigree::train {

/// Whether the device has a hardware bf16 matrix multiply: CUDA, and CPUs with AVX512-BF16, AMX or Arm BF16.
/// On others bf16 is emulated, at least ten times slower than fp32.
bool multiplies_bf16(at::Device device);

/// automatic: bf16 if multiplies_bf16(device), else fp32.
at::ScalarType choose_precision(recipe::Precision precision, at::Device device);

at::ScalarType scalar_type(recipe::GradDtype type);

const char* precision_name(at::ScalarType type);  ///< "fp32" or "bf16"

}  // namespace filigree::train
