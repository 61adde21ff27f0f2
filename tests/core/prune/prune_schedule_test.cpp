// The share that each round of a gradual prune removes.
//
// labels: unit
#include "core/prune/schedule.h"

#include <gtest/gtest.h>

#include <cmath>

namespace filigree::prune {
namespace {

recipe::PruneConfig rounds(int64_t steps, recipe::PruneSchedule schedule) {
  recipe::PruneConfig config;
  config.steps = steps;
  config.schedule = schedule;
  return config;
}

TEST(PruneSchedule, LinearRemovesTheSameInEachRound) {
  const auto config = rounds(4, recipe::PruneSchedule::linear);
  for (int64_t round = 1; round <= 4; ++round)
    EXPECT_DOUBLE_EQ(part_removed(config, round), 0.25 * static_cast<double>(round));
}

TEST(PruneSchedule, CubicRemovesMostInTheFirstRounds) {
  const auto config = rounds(10, recipe::PruneSchedule::cubic);
  EXPECT_NEAR(part_removed(config, 1), 0.271, 1e-12);
  EXPECT_NEAR(part_removed(config, 5), 0.875, 1e-12);
  double before = 1;
  for (int64_t round = 1; round <= 10; ++round) {
    const double more = part_removed(config, round) - part_removed(config, round - 1);
    EXPECT_GT(more, 0);
    EXPECT_LT(more, before);
    before = more;
  }
}

TEST(PruneSchedule, TheLastRoundRemovesExactlyTheFraction) {
  for (const auto schedule : {recipe::PruneSchedule::linear, recipe::PruneSchedule::cubic})
    for (const int64_t steps : {1, 3, 7, 10, 49}) EXPECT_EQ(part_removed(rounds(steps, schedule), steps), 1.0) << steps;
}

}  // namespace
}  // namespace filigree::prune
