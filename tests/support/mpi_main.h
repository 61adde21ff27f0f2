#pragma once
// main() for tests that run under mpirun: the program's Environment, and rank 0 alone prints the usual report. Failures
// of the other ranks are printed with the rank, and make the run fail as well.
#include <gtest/gtest.h>

#include <cstdio>
#include <string>

#include "dist/factory.h"

namespace filigree::test {

class FailurePrinter : public testing::EmptyTestEventListener {
 public:
  explicit FailurePrinter(int rank) : rank_(rank) {}
  void OnTestStart(const testing::TestInfo& test) override {
    test_ = std::string(test.test_suite_name()) + "." + test.name();
  }
  void OnTestPartResult(const testing::TestPartResult& result) override {
    if (!result.failed()) return;
    std::fprintf(stderr, "[rank %d] %s: %s:%d: %s\n", rank_, test_.c_str(),
                 result.file_name() ? result.file_name() : "", result.line_number(), result.summary());
  }

 private:
  int rank_;
  std::string test_;  // gtest holds its lock while it reports: it cannot be asked then
};

/// The Environment of the test's main(): gtest hands its tests no arguments.
inline const dist::Environment*& environment() {
  static const dist::Environment* current = nullptr;
  return current;
}

inline int run_ranks(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  const dist::Environment ranks(&argc, &argv);
  environment() = &ranks;
  if (ranks.world_rank() != 0) {
    auto& listeners = testing::UnitTest::GetInstance()->listeners();
    delete listeners.Release(listeners.default_result_printer());
    listeners.Append(new FailurePrinter(ranks.world_rank()));
  }
  const int result = RUN_ALL_TESTS();
  environment() = nullptr;
  return result;
}

}  // namespace filigree::test
