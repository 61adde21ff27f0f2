#pragma once
// parallel.precision: the type of the frozen weights and of the computation.
#include <ATen/core/Tensor.h>

#include <string>

namespace filigree::train {

/// Whether the device multiplies bf16 matrices in hardware: CUDA, and CPUs with AVX512-BF16, AMX or Arm's BF16. On
/// others bf16 is emulated, ten and more times slower than fp32.
bool multiplies_bf16(at::Device device);

/// "fp32", "bf16", or "auto": bf16 where the device multiplies it, else fp32.
at::ScalarType choose_precision(const std::string& name, at::Device device);

const char* precision_name(at::ScalarType type);  ///< "fp32" or "bf16"

}  // namespace filigree::train
