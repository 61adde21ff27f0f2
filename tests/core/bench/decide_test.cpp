// What follows from what the output directory has of a run.
#include "core/bench/decide.h"

#include <gtest/gtest.h>

namespace filigree::bench {
namespace {

Action of(std::optional<Status> status, bool has_progress, bool differs) {
  Found found;
  if (status) found.saved.emplace().status = *status;
  found.has_progress = has_progress;
  if (differs) found.difference = "\n  - lr: 1";
  return decide(found);
}

TEST(Decide, ARunThatIsDoneIsNotRepeated) {
  EXPECT_EQ(of(Status::done, true, false), Action::reuse);
  EXPECT_EQ(of(Status::done, false, false), Action::reuse) << "its directory may be removed";
}

TEST(Decide, AnInterruptedRunIsResumed) {
  EXPECT_EQ(of(std::nullopt, false, false), Action::start);
  EXPECT_EQ(of(std::nullopt, true, false), Action::resume);
  for (const Status status : {Status::running, Status::stopped}) {
    EXPECT_EQ(of(status, true, false), Action::resume);
    EXPECT_EQ(of(status, false, false), Action::start);
  }
  EXPECT_EQ(of(Status::failed, true, false), Action::repeat);
  EXPECT_EQ(of(Status::failed, false, false), Action::repeat);
}

TEST(Decide, ARunOfAnotherRecipeIsRefusedIfAnythingWouldBeLost) {
  EXPECT_EQ(of(Status::done, false, true), Action::refuse);
  EXPECT_EQ(of(std::nullopt, true, true), Action::refuse);
  for (const Status status : {Status::running, Status::stopped, Status::failed})
    EXPECT_EQ(of(status, true, true), Action::refuse);
  EXPECT_EQ(of(Status::failed, false, true), Action::repeat);
  EXPECT_EQ(of(Status::stopped, false, true), Action::start);
}

}  // namespace
}  // namespace filigree::bench
