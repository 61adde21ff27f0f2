// Work of rank 0 for all: its errors keep their class, and text of another broadcast is never taken for an outcome.
#include "core/run/rank_zero.h"

#include <gtest/gtest.h>

#include <mutex>

#include "core/error.h"
#include "dist/factory.h"

namespace filigree::train {
namespace {

TEST(FirstRank, ErrorsKeepTheirClassOnAllRanks) {
  dist::run_threads(3, [](dist::Communicator& world) {
    EXPECT_THROW(on_rank_zero(world, [] { throw UsageError("a bad recipe"); }), UsageError);
    EXPECT_THROW(on_rank_zero(world, [] { throw DataError("a bad file"); }), DataError);
    try {
      on_rank_zero(world, [] { throw DataError("2 files are \xff bad"); });
      ADD_FAILURE() << "nothing was thrown";
    } catch (const DataError& error) {
      EXPECT_TRUE(std::string(error.what()).starts_with("2 files are")) << error.what();
    }
  });
}

TEST(FirstRank, WorksOnRankZeroAlone) {
  std::mutex mutex;
  std::vector<int> worked;
  dist::run_threads(3, [&](dist::Communicator& world) {
    on_rank_zero(world, [&] {
      const std::lock_guard lock(mutex);
      worked.push_back(world.rank());
    });
  });
  EXPECT_EQ(worked, std::vector<int>{0});
}

TEST(FirstRank, AnotherBroadcastIsNoOutcome) {
  for (const std::string foreign : {"xxh3:1440904b00000000", "", "2 is no exit code here", "{\"exit_code\":3}", "[]"}) {
    dist::run_threads(2, [&](dist::Communicator& world) {
      if (world.rank() == 0) {
        world.broadcast_text(foreign);
      } else {
        EXPECT_THROW(on_rank_zero(world, [] {}), dist::CommError) << foreign;
      }
    });
  }
}

}  // namespace
}  // namespace filigree::train
