#pragma once
// AdamW with decoupled weight decay (Loshchilov, Hutter 2019) and bias correction as in torch.optim.AdamW. A step is one
// fused pass over the flat buffers.
#include "core/optim/optimizer.h"

namespace filigree::optim {

struct AdamWOptions {
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0.0;
};

class AdamW : public Optimizer {
 public:
  AdamW(nn::ParameterTable& table, AdamWOptions options) : Optimizer(table, {"m", "v"}), options_(options) {}

 protected:
  void update(const at::Tensor& grad, double scale, double lr) override;

 private:
  AdamWOptions options_;
};

}  // namespace filigree::optim
