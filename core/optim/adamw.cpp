#include "core/optim/adamw.h"

#include <cmath>

#include "core/optim/adamw_update.h"

namespace filigree::optim {

void AdamW::update(const at::Tensor& grad, double scale, double lr) {
  const auto t = static_cast<double>(steps());
  StepFactors factors;
  factors.gradient_scale = scale;
  factors.beta1 = options_.beta1;
  factors.beta2 = options_.beta2;
  factors.eps = options_.eps;
  factors.step_size = lr / (1.0 - std::pow(options_.beta1, t));
  factors.root_correction = std::sqrt(1.0 - std::pow(options_.beta2, t));
  factors.keep = 1.0 - lr * options_.weight_decay;
  const FlatBuffers buffers{value(), grad, slot(0), slot(1)};
  (value().is_cpu() ? update_fused : update_aten)(buffers, factors, ranges());
}

}  // namespace filigree::optim
