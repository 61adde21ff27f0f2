// apply() of plan.h.
#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>

#include <algorithm>

#include "core/error.h"
#include "core/prune/plan.h"

namespace filigree::prune {
namespace {

nn::StructureGroup* find(std::vector<nn::StructureGroup>& structures, const GroupPlan& plan) {
  for (nn::StructureGroup& group : structures) {
    if (group.kind == plan.kind && group.layer == plan.layer) return &group;
  }
  return nullptr;
}

void check_fits(std::vector<nn::StructureGroup>& structures, const GroupPlan& plan) {
  const auto where = fmt::format("prune plan: {}s of layer {}", nn::to_string(plan.kind), plan.layer);
  const nn::StructureGroup* group = find(structures, plan);
  if (!group) throw DataError(where + ": the model has none");
  if (group->total != plan.total) {
    throw DataError(fmt::format("{}: planned for {}, the model was built with {}", where, plan.total, group->total));
  }
  if (plan.kept.empty() || !std::is_sorted(plan.kept.begin(), plan.kept.end()) ||
      !std::includes(group->kept.begin(), group->kept.end(), plan.kept.begin(), plan.kept.end())) {
    throw DataError(where + ": keeps no unit, or one that the model no longer has");
  }
}

/// The logical rows or columns, in the current numbering, of the units that stay.
at::Tensor index_of(const nn::StructureGroup& group, const std::vector<int64_t>& kept) {
  std::vector<int64_t> index;
  index.reserve(kept.size() * static_cast<size_t>(group.unit));
  auto from = group.kept.begin();
  for (const int64_t unit : kept) {
    from = std::lower_bound(from, group.kept.end(), unit);
    const int64_t first = (from - group.kept.begin()) * group.unit;
    for (int64_t i = 0; i < group.unit; ++i) index.push_back(first + i);
  }
  return at::tensor(index, at::kLong);
}

/// The ranks' shares of the units that stay: the current share of each rank minus what is removed.
std::vector<nn::Slice> shares_after(const nn::StructureGroup& group, const std::vector<int64_t>& kept) {
  const auto staying_before = [&](int64_t place) {
    if (place == group.left()) return static_cast<int64_t>(kept.size());
    return std::lower_bound(kept.begin(), kept.end(), group.kept[static_cast<size_t>(place)]) - kept.begin();
  };
  std::vector<nn::Slice> shares;
  for (const nn::Slice& share : group.shares)
    shares.push_back({staying_before(share.begin), staying_before(share.end)});
  return shares;
}

}  // namespace

std::vector<nn::Reslice> apply(nn::Model& model, const PrunePlan& plan) {
  std::vector<nn::StructureGroup>& structures = model.structures();
  for (const GroupPlan& group : plan.groups) check_fits(structures, group);
  std::vector<nn::Reslice> records;
  for (const GroupPlan& group_plan : plan.groups) {
    nn::StructureGroup& group = *find(structures, group_plan);
    if (group.kept == group_plan.kept) continue;
    const at::Tensor index = index_of(group, group_plan.kept);
    for (const nn::StructureMember& member : group.members) {
      std::vector<nn::Reslice> done = member.linear->shrink(member.dim, index);
      records.insert(records.end(), done.begin(), done.end());
    }
    group.shares = shares_after(group, group_plan.kept);
    group.kept = group_plan.kept;
  }
  return records;
}

}  // namespace filigree::prune
