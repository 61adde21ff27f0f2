#pragma once
// The arithmetic of one AdamW step over flat buffers, in two equivalent forms: one fused pass for the CPU,
// and ATen operations for any device. It is elementwise, so results do not depend on the number of threads.
#include <ATen/core/Tensor.h>

#include <vector>

#include "core/optim/update_range.h"

namespace filigree::optim {

/// fp32 [total] each, contiguous.
struct FlatBuffers {
  at::Tensor value, gradient, m, v;
};

/// The factors of the step, computed in fp64: p = p (1 - lr wd) - step_size m / (sqrt(v) / root_correction + eps).
struct StepFactors {
  double gradient_scale = 1, beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  double step_size = 0;        ///< lr / (1 - beta1^t)
  double root_correction = 1;  ///< sqrt(1 - beta2^t)
  double keep = 1;             ///< 1 - lr * weight_decay
};

void update_fused(const FlatBuffers& buffers, const StepFactors& factors, const std::vector<UpdateRange>& ranges);
void update_aten(const FlatBuffers& buffers, const StepFactors& factors, const std::vector<UpdateRange>& ranges);

}  // namespace filigree::optim
