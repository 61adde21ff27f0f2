#include "core/prune/scores/taylor_importance.h"

#include <ATen/ops/abs.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/zeros_like.h>

namespace filigree::prune {

std::vector<Importance> taylor_importance(const std::vector<nn::Linear*>& linears, const nn::GradientBatches& data) {
  std::vector<Importance> importance;
  std::vector<at::Tensor> effective;
  for (const nn::Linear* linear : linears) {
    effective.push_back(linear->merged_weight());
    importance.push_back({at::zeros_like(effective.back()), {}});
    if (linear->bias()) importance.back().bias = at::zeros_like(linear->bias()->value().detach(), at::kFloat);
  }
  nn::for_each_batch(linears, data, [&](const nn::WeightGradients& gradients) {
    for (size_t i = 0; i < linears.size(); ++i) {
      importance[i].weight.add_(at::mul(gradients.weight(i), effective[i]).abs_());
      if (!linears[i]->bias()) continue;
      const at::Tensor bias = linears[i]->bias()->value().detach().to(at::kFloat);
      importance[i].bias.add_(at::mul(gradients.bias(i), bias).abs_());
    }
  });
  return importance;
}

}  // namespace filigree::prune
