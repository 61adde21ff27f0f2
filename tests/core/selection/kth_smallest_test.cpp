// Exact selection against a sort: any k, ties, both signs, several holders, several pools.
//
// labels: unit
#include "core/selection/kth_smallest.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "core/error.h"
#include "tests/support/toy_model.h"

namespace filigree::selection {
namespace {

using test::drawn;

std::vector<float> sorted(const std::vector<at::Tensor>& tensors) {
  std::vector<float> all;
  for (const at::Tensor& tensor : tensors) {
    const at::Tensor flat = tensor.contiguous();
    all.insert(all.end(), flat.data_ptr<float>(), flat.data_ptr<float>() + flat.numel());
  }
  std::sort(all.begin(), all.end());
  return all;
}

int32_t key_of_value(float value) { return key_of(at::tensor({value}, at::kFloat)).item<int32_t>(); }

TEST(KthSmallest, AgreesWithASort) {
  // Both signs, a wide range of exponents, many equal values, an empty tensor.
  const std::vector<at::Tensor> values{drawn(1, {300, 7}, 1.0), drawn(2, {501}, 1e-20), at::empty({0, 4}, at::kFloat),
                                       drawn(3, {64, 3}, 1.0).mul(4).floor()};
  std::vector<at::Tensor> keys;
  for (const at::Tensor& value : values) keys.push_back(key_of(value));
  const std::vector<float> all = sorted(values);
  for (const size_t k :
       {size_t{1}, size_t{2}, size_t{77}, size_t{502}, size_t{1000}, all.size() / 2, all.size() - 1, all.size()}) {
    const Selection selection = kth_smallest(keys, static_cast<int64_t>(k));
    const float kth = all[k - 1];
    EXPECT_EQ(selection.threshold, key_of_value(kth)) << k;
    EXPECT_EQ(selection.below, std::lower_bound(all.begin(), all.end(), kth) - all.begin());
    EXPECT_EQ(selection.equal, std::count(all.begin(), all.end(), kth));
  }
  EXPECT_THROW(kth_smallest(keys, static_cast<int64_t>(all.size()) + 1), InternalError);
  EXPECT_THROW(kth_smallest(keys, 0), InternalError);
}

TEST(KthSmallest, CountsMayComeFromSeveralHolders) {
  // Two holders of the same keys: everything counts twice.
  const std::vector<at::Tensor> keys{key_of(drawn(1, {97}, 1.0).abs())};
  const Selection one = kth_smallest(keys, 31);
  const Selection two = kth_smallest(keys, 62, [](const at::Tensor& counts) { counts.mul_(2); });
  EXPECT_EQ(two.threshold, one.threshold);
  EXPECT_EQ(two.below, 2 * one.below);
  EXPECT_EQ(two.equal, 2 * one.equal);
}

TEST(KthSmallest, KeysKeepTheOrderAndRefuseWhatHasNone) {
  EXPECT_GT(key_of_value(-std::numeric_limits<float>::infinity()), kBelowAll);
  EXPECT_LT(key_of_value(-2.0F), key_of_value(-1.0F));
  EXPECT_LT(key_of_value(-1e-45F), key_of_value(0.0F));
  EXPECT_EQ(key_of_value(-0.0F), key_of_value(0.0F));
  EXPECT_LT(key_of_value(0.0F), key_of_value(1e-45F));
  EXPECT_LT(key_of_value(1.0F), key_of_value(1.0000001F));
  EXPECT_LT(key_of_value(3e38F), key_of_value(std::numeric_limits<float>::infinity()));
  EXPECT_THROW(key_of_value(std::numeric_limits<float>::quiet_NaN()), InternalError);
}

/// Several pools give what each gives alone, in three reductions.
TEST(KthSmallest, PoolsAreSearchedTogether) {
  std::vector<Tensors> pools;
  for (uint64_t i = 0; i < 5; ++i)
    pools.push_back({key_of(drawn(i, {50 + static_cast<int64_t>(i), 3}, 1.0).mul(9).floor())});
  const std::vector<int64_t> k{1, 70, 0, 159, 81};
  int reductions = 0;
  const auto together = kth_smallest(pools, k, [&](const at::Tensor&) { ++reductions; });
  EXPECT_EQ(reductions, 3);
  for (size_t i = 0; i < pools.size(); ++i) {
    const Selection alone = k[i] > 0 ? kth_smallest(pools[i], k[i]) : Selection{};
    EXPECT_EQ(together[i].threshold, alone.threshold) << i;
    EXPECT_EQ(together[i].below, alone.below) << i;
    EXPECT_EQ(together[i].equal, alone.equal) << i;
  }
}

TEST(KthNumber, FindsNumbersOfSeveralPools) {
  const at::Tensor many = at::arange(0, 9'000'000, 3, at::kLong);
  const std::vector<Tensors> pools{{many}, {at::arange(5, at::kLong)}, {at::tensor({7, 2, 40}, at::kLong)}};
  EXPECT_EQ(kth_number(pools, {2'000'001, 0, 2}, {9'000'000, 5, 41}), (std::vector<int64_t>{6'000'000, -1, 7}));
}

}  // namespace
}  // namespace filigree::selection
