#pragma once
#include <ATen/core/Tensor.h>

namespace filigree::optim {

/// sqrt of the sum of squares; on the CPU, summed in fp64 over fixed blocks in order.
double flat_norm(const at::Tensor& flat);

}  // namespace filigree::optim
