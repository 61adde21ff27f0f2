// A tensor split over the ranks is gathered to the whole, for each dimension, number of ranks and type.
//
// labels: unit
#include "core/nn/full_tensor.h"

#include <ATen/ops/equal.h>
#include <ATen/ops/ge.h>
#include <gtest/gtest.h>

#include "dist/factory.h"
#include "tests/support/compare.h"

namespace filigree::nn {
namespace {

using test::randn;

/// 7 lines do not divide evenly, and of 3 lines over 4 ranks one rank has none.
TEST(FullTensor, PartsBecomeTheWhole) {
  for (const int ranks : {1, 2, 3, 4}) {
    for (const int64_t dim : {0, 1}) {
      for (const int64_t lines : {8, 7, 3}) {
        dist::run_threads(ranks, [&](dist::Communicator& tp) {
          const std::vector<int64_t> shape = dim == 0 ? std::vector<int64_t>{lines, 5} : std::vector<int64_t>{5, lines};
          for (const at::Tensor& whole :
               {randn("w", shape), randn("w", shape, at::kBFloat16), at::ge(randn("m", shape), 0).to(at::kByte)}) {
            const Placement placement{dim, dist::even_part(lines, tp.rank(), tp.size())};
            const at::Tensor full = full_tensor(local_shard(whole, placement), placement, tp);
            EXPECT_TRUE(at::equal(full, whole)) << lines << " lines along " << dim << " over " << ranks << " ranks";
            EXPECT_EQ(full.scalar_type(), whole.scalar_type());
            EXPECT_TRUE(full.is_contiguous());
          }
        });
      }
    }
  }
}

TEST(FullTensor, AVectorIsSplitAlongItsOneDimension) {
  dist::run_threads(3, [](dist::Communicator& tp) {
    const at::Tensor whole = randn("b", {7});
    const Placement placement{0, dist::even_part(7, tp.rank(), tp.size())};
    EXPECT_TRUE(at::equal(full_tensor(local_shard(whole, placement), placement, tp), whole));
  });
}

/// A trainable leaf, as score and export read it: the result has no graph.
TEST(FullTensor, ResultIsDetached) {
  dist::run_threads(2, [](dist::Communicator& tp) {
    ParameterTable table;
    const at::Tensor whole = randn("w", {4, 3});
    const Placement placement{1, dist::even_part(3, tp.rank(), tp.size())};
    const ParameterPtr part = table.add("w", whole, Role::trainable, placement);
    const at::Tensor full = full_tensor(part->value(), placement, tp);
    EXPECT_FALSE(full.requires_grad());
    EXPECT_TRUE(at::equal(full, whole));
    EXPECT_FALSE(full_tensor(part->value(), {}, tp).requires_grad());
  });
}

TEST(FullTensor, AReplicatedTensorIsNotSent) {
  dist::run_threads(2, [](dist::Communicator& tp) {
    const at::Tensor local = randn("w", {4, 3});
    const uint64_t before = tp.bytes_sent();
    EXPECT_TRUE(full_tensor(local, {}, tp).is_alias_of(local));
    EXPECT_EQ(tp.bytes_sent(), before);
  });
}

}  // namespace
}  // namespace filigree::nn
