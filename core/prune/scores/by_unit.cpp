#include "core/prune/scores/by_unit.h"

#include "core/error.h"

namespace filigree::prune {

at::Tensor by_unit(const at::Tensor& entries, int64_t dim, int64_t unit) {
  const at::Tensor lines = entries.dim() == 1 ? entries.to(at::kDouble) : entries.sum(1 - dim, false, at::kDouble);
  return lines.view({-1, unit}).sum(1).to(at::kCPU);
}

std::vector<double> to_vector(const at::Tensor& values) {
  const at::Tensor copy = values.contiguous();
  return {copy.data_ptr<double>(), copy.data_ptr<double>() + copy.numel()};
}

const nn::Linear& output_linear(const nn::StructureGroup& group) {
  for (const nn::StructureMember& member : group.members)
    if (member.dim == 1) return *member.linear;
  throw InternalError(
      fmt::format("no linear takes the outputs of the {}s of layer {}", nn::to_string(group.kind), group.layer));
}

}  // namespace filigree::prune
