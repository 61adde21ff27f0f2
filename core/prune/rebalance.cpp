#include "core/prune/rebalance.h"

#include "dist/tensor_parallel.h"

namespace filigree::prune {
namespace {

std::vector<nn::Slice> lines_of(const nn::StructureGroup& group, const std::vector<nn::Slice>& shares) {
  std::vector<nn::Slice> lines;
  for (const nn::Slice& share : shares) lines.push_back(group.lines(share));
  return lines;
}

}  // namespace

std::vector<nn::Reslice> rebalance(nn::Model& model, dist::Communicator& tp) {
  std::vector<nn::Reslice> records;
  for (nn::StructureGroup& group : model.structures()) {
    const std::vector<nn::Slice> even = group.even_shares(static_cast<size_t>(tp.size()));
    if (group.shares.empty() || group.shares == even) continue;
    nn::AxisChange change;
    change.share = lines_of(group, even);
    change.rank = group.rank;
    change.move = [before = lines_of(group, group.shares), after = change.share, &tp](const at::Tensor& local,
                                                                                      int64_t dim) {
      return dist::redistribute(local, dim, before, after, tp);
    };
    for (const nn::StructureMember& member : group.members) {
      std::vector<nn::Reslice> done = member.linear->reslice(member.dim, change);
      records.insert(records.end(), done.begin(), done.end());
    }
    group.shares = even;
  }
  return records;
}

}  // namespace filigree::prune
