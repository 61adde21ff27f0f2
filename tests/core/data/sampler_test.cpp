#include "core/data/sampler.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "support.h"

namespace filigree::data {
namespace {

std::vector<int64_t> lengths_of(int64_t count) {
  std::vector<int64_t> lengths;
  for (int64_t i = 0; i < count; ++i) lengths.push_back(3 + (i * 7919) % 61);
  return lengths;
}

TEST(Sampler, AnEpochHoldsEverySampleOnceAndKeepsTheLastBatch) {
  Sampler sampler(103, 10, 7);
  ASSERT_EQ(sampler.batches_per_epoch(), 11);
  for (int64_t epoch = 0; epoch < 3; ++epoch) {
    std::multiset<int64_t> seen;
    for (int64_t b = 0; b < 11; ++b) {
      const auto batch = sampler.batch(epoch * 11 + b);
      EXPECT_EQ(batch.size(), b == 10 ? 3u : 10u);
      seen.insert(batch.begin(), batch.end());
    }
    EXPECT_EQ(seen.size(), 103u);
    EXPECT_EQ(std::set<int64_t>(seen.begin(), seen.end()).size(), 103u);
  }
}

TEST(Sampler, StepsAreAFunctionOfTheSeedAlone) {
  Sampler once(50, 8, 1), other(50, 8, 1), seeded(50, 8, 2);
  std::vector<std::vector<int64_t>> forward;
  for (int64_t step = 0; step < 21; ++step) forward.push_back(once.batch(step));
  for (int64_t step = 20; step >= 0; --step) EXPECT_EQ(other.batch(step), forward[static_cast<size_t>(step)]);
  EXPECT_NE(seeded.batch(0), forward[0]);
  EXPECT_NE(forward[0], forward[7]);  // the second epoch has an order of its own
  EXPECT_EQ(once.epoch(6), 0);
  EXPECT_EQ(once.epoch(7), 1);
}

TEST(Sampler, RefusesNothing) {
  EXPECT_HAS(testing::error_of([] { Sampler(0, 8, 1); }), "2 cannot form a batch of 8 from 0 samples");
}

TEST(Share, PartsMakeTheBatchForAnyMesh) {
  const auto lengths = lengths_of(100);
  const auto batch = Sampler(100, 37, 3).batch(1);
  for (const int ranks : {1, 2, 3, 4, 64})
    for (const int64_t micro : {1, 2, 5}) {
      std::vector<int64_t> all;
      for (int rank = 0; rank < ranks; ++rank) {
        const auto own = share(batch, lengths, rank, ranks, micro);
        EXPECT_EQ(own.size(), static_cast<size_t>(micro));
        for (const auto& part : own) all.insert(all.end(), part.begin(), part.end());
      }
      auto wanted = batch;
      std::sort(wanted.begin(), wanted.end());
      std::sort(all.begin(), all.end());
      EXPECT_EQ(all, wanted) << ranks << " ranks, " << micro << " micro-batches";
    }
}

TEST(Share, TokensAreBalanced) {
  const auto lengths = lengths_of(1000);
  const auto batch = Sampler(1000, 64, 3).batch(0);
  std::vector<int64_t> tokens;
  for (int rank = 0; rank < 4; ++rank)
    for (const auto& part : share(batch, lengths, rank, 4, 2)) {
      int64_t sum = 0;
      for (const int64_t sample : part) sum += lengths[static_cast<size_t>(sample)];
      tokens.push_back(sum);
    }
  const auto [low, high] = std::minmax_element(tokens.begin(), tokens.end());
  const auto longest = *std::max_element(lengths.begin(), lengths.end());
  EXPECT_LE(*high - *low, longest) << "a snake over sorted lengths differs by one sample at most";
}

TEST(Share, ARankMayGetNothing) {
  const auto own = share({5, 9}, lengths_of(10), 3, 4, 1);
  ASSERT_EQ(own.size(), 1u);
  EXPECT_TRUE(own[0].empty());
}

}  // namespace
}  // namespace filigree::data
