// Structure groups: units, the lines of a member that belong to them, and how units are divided over ranks.
//
// labels: unit
#include "core/nn/structure.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <gtest/gtest.h>

#include <numeric>

namespace filigree::nn {
namespace {

StructureGroup heads(std::vector<int64_t> kept, int64_t size) {
  StructureGroup group;
  group.total = 12;
  group.unit = size;
  group.kept = std::move(kept);
  return group;
}

StructureGroup all_heads(int64_t count) {
  std::vector<int64_t> all(static_cast<size_t>(count));
  std::iota(all.begin(), all.end(), int64_t{0});
  return heads(std::move(all), 32);
}

TEST(StructureGroup, WithoutSharesThisRankHoldsAll) {
  const StructureGroup group = heads({1, 4, 7, 8, 11}, 32);
  EXPECT_EQ(group.left(), 5);
  EXPECT_EQ(group.share(), (Slice{0, 5}));
  EXPECT_EQ(group.held(), group.kept);
}

TEST(StructureGroup, ARankHoldsTheUnitsOfItsShare) {
  StructureGroup group = heads({1, 4, 7, 8, 11}, 32);
  group.shares = {{0, 2}, {2, 2}, {2, 5}};
  const std::vector<std::vector<int64_t>> held{{1, 4}, {}, {7, 8, 11}};
  for (group.rank = 0; group.rank < 3; ++group.rank) {
    EXPECT_EQ(group.held(), held[group.rank]) << "original indices, on rank " << group.rank;
    EXPECT_EQ(group.share(), group.shares[group.rank]);
  }
  EXPECT_EQ(group.left(), 5) << "of all ranks";
}

/// 12 heads over 5 ranks: 2, 2, 3, 2, 3. The shares are consecutive, cover all units, and differ by at most one.
TEST(StructureGroup, SharesAreEven) {
  std::vector<int64_t> sizes;
  for (const Slice& share : all_heads(12).even_shares(5)) sizes.push_back(share.size());
  EXPECT_EQ(sizes, (std::vector<int64_t>{2, 2, 3, 2, 3}));
  for (const int64_t count : {1, 2, 7, 12}) {
    for (const size_t ranks : {1U, 2U, 3U, 5U, 8U}) {
      const std::vector<Slice> shares = all_heads(count).even_shares(ranks);
      ASSERT_EQ(shares.size(), ranks);
      int64_t next = 0;
      for (const Slice& share : shares) {
        EXPECT_EQ(share.begin, next) << count << " over " << ranks;
        EXPECT_GE(share.size(), count / static_cast<int64_t>(ranks));
        EXPECT_LE(share.size(), (count - 1) / static_cast<int64_t>(ranks) + 1);
        next = share.end;
      }
      EXPECT_EQ(next, count);
    }
  }
}

/// The lines of a range of units are those rows (dim 0) or columns (dim 1) of a member.
TEST(StructureGroup, LinesOfUnitsAreRowsOrColumnsOfTheMembers) {
  const StructureGroup group = heads({0, 2, 5, 9}, 3);
  ParameterTable table;
  const at::Tensor weight = at::arange(12 * 5).view({12, 5}).to(at::kFloat);
  Linear query("query", table.add("query.weight", weight), nullptr);
  Linear out("out", table.add("out.weight", weight.t().contiguous()), nullptr);
  const Slice lines = group.lines({1, 3});  // the second and the third kept head
  EXPECT_EQ(lines, (Slice{3, 9}));
  const at::Tensor index = at::arange(lines.begin, lines.end);
  query.shrink(0, index);
  out.shrink(1, index);
  EXPECT_TRUE(at::equal(query.weight()->value(), weight.slice(0, 3, 9)));
  EXPECT_TRUE(at::equal(out.weight()->value().t(), weight.slice(0, 3, 9)));
}

TEST(StructureGroup, KindsHaveNames) {
  EXPECT_STREQ(to_string(StructureKind::head), "head");
  EXPECT_STREQ(to_string(StructureKind::neuron), "neuron");
}

}  // namespace
}  // namespace filigree::nn
