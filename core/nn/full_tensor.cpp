#include "core/nn/full_tensor.h"

#include <ATen/ops/cat.h>

#include <vector>

namespace filigree::nn {

at::Tensor full_tensor(const at::Tensor& local, const Placement& placement, dist::Communicator& tp) {
  if (placement.replicated() || tp.size() == 1) return local.detach();
  // The gather concatenates along dim 0, so transpose the split dimension there first.
  const at::Tensor lines = local.detach().transpose(0, placement.dim).contiguous();
  const std::vector<at::Tensor> parts = tp.all_gather_ragged(lines);
  return at::cat(parts).transpose(0, placement.dim).contiguous();
}

}  // namespace filigree::nn
