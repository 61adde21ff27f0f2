#include "core/adapt/gate_draws.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/ones.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"
#include "core/nn/column_gates.h"

namespace filigree::adapt {
namespace {

const at::Tensor& gates_of(const nn::StructureGroup& group) {
  for (const nn::StructureMember& member : group.members)
    if (member.dim == 1) {
      const nn::ColumnGates* gates = nn::column_gates(*member.linear);
      FG_CHECK(gates, "'{}' has no gates", member.linear->name());
      return gates->gates()->value();
    }
  throw InternalError(
      fmt::format("no linear takes the outputs of the {}s of layer {}", nn::to_string(group.kind), group.layer));
}

/// Each group's gates of all ranks, which hold consecutive units.
std::vector<at::Tensor> gathered(nn::Model& model, dist::Communicator& tp) {
  std::vector<at::Tensor> own;
  for (const nn::StructureGroup& group : model.structures()) own.push_back(gates_of(group).detach().to(at::kCPU));
  const std::vector<at::Tensor> ranks = tp.all_gather_ragged(at::cat(own));
  std::vector<int64_t> read(ranks.size(), 0);
  std::vector<at::Tensor> whole;
  for (const nn::StructureGroup& group : model.structures()) {
    std::vector<at::Tensor> parts;
    for (size_t r = 0; r < ranks.size(); ++r) {
      const int64_t size = group.shares.empty() ? group.left() : group.shares[r].size();
      parts.push_back(ranks[r].narrow(0, read[r], size));
      read[r] += size;
    }
    whole.push_back(at::cat(parts));
  }
  return whole;
}

/// Sets the lowest `share` of the values to 0 in `kept`.
void remove_lowest(const at::Tensor& values, double share, const at::Tensor& kept) {
  const int64_t n = values.numel(), removed = static_cast<int64_t>(std::floor(share * static_cast<double>(n) + 0.5));
  const float* value = values.const_data_ptr<float>();
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  std::ranges::sort(order,
                    [value](int64_t a, int64_t b) { return value[a] != value[b] ? value[a] < value[b] : a > b; });
  for (int64_t i = 0; i < removed; ++i) kept.data_ptr<uint8_t>()[order[static_cast<size_t>(i)]] = 0;
}

}  // namespace

at::Tensor draw_units(const std::vector<at::Tensor>& gates, const std::vector<nn::StructureKind>& kinds,
                      const DrawShares& shares) {
  std::vector<at::Tensor> kept, neurons, kept_neurons;
  for (size_t g = 0; g < gates.size(); ++g) {
    kept.push_back(at::ones({gates[g].numel()}, at::kByte));
    if (kinds[g] == nn::StructureKind::head)
      remove_lowest(gates[g].contiguous(), shares.heads, kept.back());
    else
      neurons.push_back(gates[g]);
  }
  if (neurons.empty()) return at::cat(kept);
  const at::Tensor all = at::cat(neurons), stay = at::ones({all.numel()}, at::kByte);
  remove_lowest(all, shares.ffn, stay);
  int64_t read = 0;
  for (size_t g = 0; g < gates.size(); ++g) {
    if (kinds[g] == nn::StructureKind::head) continue;
    kept[g].copy_(stay.narrow(0, read, kept[g].numel()));
    read += kept[g].numel();
  }
  return at::cat(kept);
}

at::Tensor draw_units(nn::Model& model, const DrawShares& shares, dist::Communicator& tp) {
  std::vector<nn::StructureKind> kinds;
  for (const nn::StructureGroup& group : model.structures()) kinds.push_back(group.kind);
  return draw_units(gathered(model, tp), kinds, shares);
}

double push_draw(const at::Tensor& buffer, const at::Tensor& draw) {
  const at::Tensor last = buffer.clone();
  buffer.narrow(0, 1, buffer.size(0) - 1).copy_(last.narrow(0, 0, buffer.size(0) - 1));
  buffer.select(0, 0).copy_(draw);
  const at::Tensor differ = last.ne(draw.to(buffer.device()).unsqueeze(0)).sum(1).to(at::kDouble);
  return differ.max().item<double>() / static_cast<double>(draw.numel());
}

}  // namespace filigree::adapt
