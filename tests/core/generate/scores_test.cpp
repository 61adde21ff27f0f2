// Forbidden repeats and draws, against counts and hand-worked cases.
#include "core/generate/scores.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

#include "core/random.h"

namespace filigree::generate {
namespace {

constexpr float kNone = -std::numeric_limits<float>::infinity();

std::vector<float> after(const std::vector<int32_t>& sequence, int64_t n) {
  std::vector<float> scores(6, 1);
  forbid_repeats(sequence, n, scores);
  return scores;
}

TEST(Scores, ForbidWhatWouldRepeat) {
  EXPECT_EQ(after({1, 2, 3, 1, 2}, 3), (std::vector<float>{1, 1, 1, kNone, 1, 1})) << "1 2 3 stood there";
  EXPECT_EQ(after({1, 2, 3, 1, 2}, 4), (std::vector<float>{1, 1, 1, 1, 1, 1}));
  EXPECT_EQ(after({1, 2, 1, 4, 1}, 2), (std::vector<float>{1, 1, kNone, 1, kNone, 1}));
  EXPECT_EQ(after({5, 0}, 1), (std::vector<float>{kNone, 1, 1, 1, 1, kNone}));
  EXPECT_EQ(after({3, 3}, 2), (std::vector<float>{1, 1, 1, kNone, 1, 1})) << "3 3 would stand there twice";
  EXPECT_EQ(after({3}, 3), after({}, 0));
  EXPECT_EQ(after({3, 4}, 0), after({}, 0));
}

/// How often each token is drawn, of many.
std::map<int32_t, double> shares(const std::vector<float>& scores, double temperature, int64_t top_k, double top_p) {
  constexpr int kDraws = 40000;
  std::map<int32_t, double> count;
  const uint64_t stream = random::stream(1, "draws");
  for (uint64_t i = 0; i < kDraws; ++i)
    count[sample_token(scores, temperature, top_k, top_p, random::uniform(stream, i))] += 1.0 / kDraws;
  return count;
}

void expect_near(const std::map<int32_t, double>& found, const std::map<int32_t, double>& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (const auto& [token, share] : expected)
    EXPECT_NEAR(found.at(token), share, 1e-9 + 5 * std::sqrt(share * (1 - share) / 40000)) << token;  // 5 sigma
}

TEST(Scores, DrawAsTheSoftmaxSays) {
  // Probabilities 0.4, 0.3, 0.2, 0.1 in another order.
  const std::vector<float> scores{std::log(0.2F), std::log(0.4F), std::log(0.1F), std::log(0.3F)};
  expect_near(shares(scores, 1, 0, 1), {{0, 0.2}, {1, 0.4}, {2, 0.1}, {3, 0.3}});
  expect_near(shares(scores, 1, 2, 1), {{1, 4.0 / 7}, {3, 3.0 / 7}});
  expect_near(shares(scores, 1, 0, 0.75), {{0, 2.0 / 9}, {1, 4.0 / 9}, {3, 3.0 / 9}});
  expect_near(shares(scores, 1, 0, 0.39), {{1, 1.0}});
  expect_near(shares(scores, 1, 3, 0.5), {{1, 4.0 / 7}, {3, 3.0 / 7}});  // 0.4 / 0.9 is below 0.5, with 0.3 above it
  const double total = 0.04 + 0.16 + 0.01 + 0.09;
  expect_near(shares(scores, 0.5, 0, 1), {{0, 0.04 / total}, {1, 0.16 / total}, {2, 0.01 / total}, {3, 0.09 / total}});
  EXPECT_EQ(sample_token(std::vector<float>{0, kNone, kNone}, 1, 0, 1, 0.999), 0);
}

}  // namespace
}  // namespace filigree::generate
