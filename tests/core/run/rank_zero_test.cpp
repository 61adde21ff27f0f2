// Work of rank 0 for all: its errors keep their class, and text of another broadcast is never taken for an outcome.
#include "core/run/rank_zero.h"

#include <c10/util/Exception.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <mutex>
#include <new>
#include <stdexcept>
#include <system_error>

#include "core/error.h"
#include "dist/factory.h"

namespace filigree::train {
namespace {

TEST(RankZero, ErrorsKeepTheirClassOnAllRanks) {
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

/// Rank 0 throws what its work threw, of class Error; the others a CommError that contains `words`.
template <class Error>
void expect_failure(dist::Communicator& world, const std::function<void()>& work, const std::string& words) {
  try {
    on_rank_zero(world, work);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const dist::CommError& error) {
    const std::string text = error.what();
    EXPECT_NE(world.rank(), 0);
    EXPECT_TRUE(text.starts_with("rank 0 failed: " + words)) << text;
    EXPECT_EQ(text.find("Exception raised from"), std::string::npos) << text;
    EXPECT_TRUE(error.reported_elsewhere()) << "rank 0 prints it";
  } catch (const Error&) {
    EXPECT_EQ(world.rank(), 0);
  }
}

TEST(RankZero, AnyExceptionEndsTheWaitOfTheOthers) {
  dist::run_threads(3, [](dist::Communicator& world) {
    expect_failure<std::bad_alloc>(
        world, [] { throw std::bad_alloc(); }, "std::bad_alloc");
    expect_failure<std::runtime_error>(
        world, [] { throw std::runtime_error("no such luck"); }, "no such luck");
    expect_failure<c10::Error>(
        world, [] { TORCH_CHECK(false, "shapes differ"); }, "shapes differ");
    expect_failure<InternalError>(
        world, [] { FG_CHECK(1 == 2, "one is {}", 2); }, "");
    expect_failure<int>(
        world, [] { throw 7; },  // NOLINT(bugprone-std-exception-baseclass): what a library might throw
        "something that is not an exception");
    world.barrier();  // the ranks are still in step
  });
}

TEST(RankZero, AFilesystemErrorIsADataErrorOnTheOthers) {
  dist::run_threads(2, [](dist::Communicator& world) {
    try {
      on_rank_zero(world, [] { std::filesystem::create_directory("/proc/none/such"); });
      ADD_FAILURE() << "nothing was thrown";
    } catch (const std::filesystem::filesystem_error&) {
      EXPECT_EQ(world.rank(), 0);
    } catch (const DataError& error) {
      EXPECT_NE(world.rank(), 0);
      EXPECT_TRUE(std::string(error.what()).starts_with("/proc/none/such: ")) << error.what();
    }
  });
}

TEST(RankZero, WorksOnRankZeroAlone) {
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

TEST(RankZero, AnotherBroadcastIsNoOutcome) {
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
