#include "core/prune/merged_sparsity.h"

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/tensor.h>

#include <algorithm>

#include "core/prune/unstructured.h"
#include "dist/communicator.h"

namespace filigree::prune {

std::optional<double> merged_sparsity(nn::Model& model, dist::Communicator& tp) {
  const at::NoGradGuard no_grad;
  const auto linears = select_linears(model, {});
  if (std::ranges::none_of(linears, [](const nn::Linear* linear) { return linear->adapter() != nullptr; }))
    return std::nullopt;
  int64_t entries = 0, zeros = 0;
  for (const nn::Linear* linear : linears) {
    entries += linear->weight()->logical_numel();
    zeros += linear->merged_weight().eq(0).sum(at::kLong).item<int64_t>();
  }
  const at::Tensor sum = at::tensor({zeros}, at::kLong);
  tp.all_reduce(sum);
  return static_cast<double>(sum.item<int64_t>()) / static_cast<double>(std::max<int64_t>(1, entries));
}

}  // namespace filigree::prune
