// Masks over pools whose matrices are split over ranks: the number of messages, and exact counts.
//
// labels: unit
#include "core/selection/pool.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "core/random.h"
#include "dist/factory.h"
#include "tests/support/toy_model.h"

namespace filigree::selection {
namespace {

using test::drawn;

constexpr int64_t kRows = 12, kColumns = 9;

/// One pool per matrix, each removing half of the entries; rank r holds consecutive rows.
struct Split {
  std::vector<std::unique_ptr<nn::Parameter>> placed;
  std::vector<Pool> pools;

  Split(int matrices, const dist::Communicator& tp) {
    const int64_t rows = kRows / tp.size(), first = rows * tp.rank();
    for (int i = 0; i < matrices; ++i) {
      auto parameter = std::make_unique<nn::Parameter>();
      parameter->logical_shape = {kRows, kColumns};
      parameter->placement = {0, {first, first + rows}};
      const at::Tensor whole = drawn(random::hash("pool") + static_cast<uint64_t>(i), {kRows, kColumns}, 1.0);
      parameter->set_value(whole.narrow(0, first, rows).contiguous());
      Pool pool{{{parameter.get(), key_of(parameter->value())}}};
      pool.removed = kRows * kColumns / 2;
      pools.push_back(std::move(pool));
      placed.push_back(std::move(parameter));
    }
  }
};

TEST(Pool, SendsThreeMessagesWhateverTheNumberOfMatrices) {
  for (const int matrices : {1, 5, 40}) {
    dist::run_threads(3, [&](dist::Communicator& tp) {
      Split split(matrices, tp);
      const auto calls = [&] { return tp.traffic().contains("all_reduce") ? tp.traffic().at("all_reduce").calls : 0; };
      const uint64_t before = calls();
      const std::vector<at::Tensor> masks = masks_without_lowest(split.pools, tp);
      EXPECT_EQ(calls() - before, 3U) << matrices << " matrices";
      ASSERT_EQ(masks.size(), static_cast<size_t>(matrices));
      for (const at::Tensor& mask : masks) {
        const at::Tensor kept = mask.sum(at::kLong).view({1});
        tp.all_reduce(kept);
        EXPECT_EQ(kept.item<int64_t>(), kRows * kColumns - kRows * kColumns / 2);
      }
    });
  }
}

TEST(Pool, TheMasksAreThoseOfOneRank) {
  std::vector<at::Tensor> whole;
  dist::run_threads(1, [&](dist::Communicator& tp) { whole = masks_without_lowest(Split(4, tp).pools, tp); });
  dist::run_threads(3, [&](dist::Communicator& tp) {
    Split split(4, tp);
    const std::vector<at::Tensor> masks = masks_without_lowest(split.pools, tp);
    for (size_t i = 0; i < masks.size(); ++i)
      EXPECT_TRUE(masks[i].equal(whole[i].narrow(0, split.placed[i]->placement.slice.begin, masks[i].size(0))));
  });
}

}  // namespace
}  // namespace filigree::selection
