// What reaches a user: one message, no stack, the right exit code. And the version that the program says it is.
#include "launch/failure.h"

#include <c10/util/Exception.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <new>
#include <regex>
#include <sstream>

#include "core/error.h"
#include "dist/communicator.h"
#include "launch/version.h"

namespace filigree::launch {
namespace {

template <class Thrower>
Failure of(Thrower thrower) {
  try {
    thrower();
  } catch (...) {
    return explain(std::current_exception());
  }
  return {0, ""};
}

TEST(Failure, UserErrorsKeepTheirCodeAndWords) {
  const Failure usage = of([] { throw UsageError("r.yaml:3: lr: is 0"); });
  EXPECT_EQ(usage.exit_code, 2);
  EXPECT_EQ(usage.message, "r.yaml:3: lr: is 0");
  EXPECT_EQ(of([] { throw DataError("x"); }).exit_code, 3);
}

TEST(Failure, RanksAndCollectivesAreFour) {
  EXPECT_EQ(of([] { throw dist::CommError("rank 1 is gone"); }).exit_code, 4);
  EXPECT_EQ(of([] { throw std::bad_alloc(); }).exit_code, 4);
}

TEST(Failure, FileSystemErrorsNameThePath) {
  const Failure failure = of([] { std::filesystem::create_directory("/proc/none/such"); });
  EXPECT_EQ(failure.exit_code, 3);
  EXPECT_NE(failure.message.find("/proc/none/such"), std::string::npos) << failure.message;
}

TEST(Failure, TorchErrorsComeWithoutTheirStack) {
  const Failure failure = of([] { TORCH_CHECK(false, "shapes do not match"); });
  EXPECT_EQ(failure.exit_code, 4);
  EXPECT_NE(failure.message.find("shapes do not match"), std::string::npos);
  EXPECT_EQ(failure.message.find("frame #"), std::string::npos) << failure.message;
  EXPECT_EQ(failure.message.find("Exception raised from"), std::string::npos) << failure.message;
}

TEST(Failure, BrokenInvariantsAskForAReport) {
  const Failure failure = of([] { FG_CHECK(1 == 2, "one is {}", 2); });
  EXPECT_EQ(failure.exit_code, 4);
  EXPECT_NE(failure.message.find("please report it"), std::string::npos);
}

TEST(Version, IsThatOfTheProject) {
  std::ifstream file(std::string(FILIGREE_SOURCE_DIR) + "/CMakeLists.txt");
  std::stringstream text;
  text << file.rdbuf();
  const std::string all = text.str();
  std::smatch match;
  ASSERT_TRUE(std::regex_search(all, match, std::regex("project\\(filigree VERSION ([0-9.]+)")));
  EXPECT_EQ(match[1], kVersion);
  EXPECT_NE(version_text().find("backends: "), std::string::npos);
}

}  // namespace
}  // namespace filigree::launch
