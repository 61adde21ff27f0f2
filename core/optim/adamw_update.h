#pragma once
// The arithmetic of one AdamW step over flat buffers, in two equivalent forms: one fused pass for the CPU,
// and ATen operations for any device. It is elementwise, so results do not depend on the number of threads.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

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

/// How the elements [begin, end) are updated; the ranges cover the buffers in order.
struct UpdateRange {
  int64_t begin = 0;
  int64_t end = 0;
  bool decays = false;
  double lr_scale = 1.0;

  /// The factors with this range's learning rate and decay.
  StepFactors of(const StepFactors& factors) const;
};

void update_fused(const FlatBuffers& buffers, const StepFactors& factors, const std::vector<UpdateRange>& ranges);
void update_aten(const FlatBuffers& buffers, const StepFactors& factors, const std::vector<UpdateRange>& ranges);

/// sqrt of the sum of squares; on the CPU, summed in fp64 over fixed blocks in order.
double flat_norm(const at::Tensor& flat);

}  // namespace filigree::optim
