// What reaches a user: one message, no stack, the right exit code. And the version that the program says it is.
#include "launch/failure.h"

#include <c10/util/Exception.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <new>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>
#include <system_error>
#include <tuple>

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

TEST(Failure, RanksThatCannotStartAreThree) {
  EXPECT_EQ(of([] { throw dist::StartError("use mpirun"); }).exit_code, 3);
}

TEST(Failure, TheLogReceivesWhatIsPrintedWithTheExitCode) {
  const dist::Environment environment(nullptr, nullptr);
  std::string logged;
  testing::internal::CaptureStderr();
  EXPECT_EQ(end_job({3, "a.tsv:4: is bad"}, environment, [&](const std::string& text) { logged = text; }), 3);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "a.tsv:4: is bad\n");
  EXPECT_EQ(logged, "ended with exit code 3: a.tsv:4: is bad");
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

TEST(Failure, LackOfMemoryIsOneMessageWhateverLibraryTellsIt) {
  const std::vector<Failure> failures{
      of([] { throw std::bad_alloc(); }),
      of([] { throw std::runtime_error("could not create a primitive"); }),
      of([] { throw std::runtime_error("could not create a memory object"); }),
      of([] { throw std::system_error(ENOMEM, std::generic_category()); }),
      of([] {
        TORCH_CHECK(false,
                    "[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't allocate memory: you "
                    "tried to allocate 8000000 bytes. Error code 12 (Cannot allocate memory)");
      }),
      of([] { TORCH_CHECK_WITH(OutOfMemoryError, false, "CUDA out of memory. Tried to allocate 2.00 GiB."); })};
  for (const Failure& failure : failures) {
    EXPECT_EQ(failure.exit_code, 4);
    EXPECT_EQ(failure.message.rfind("out of memory", 0), 0u) << failure.message;
    for (const char* foreign :
         {"primitive", "alloc_cpu", "enforce", "Allocator", "bad_alloc", "internal error", "Tried"})
      EXPECT_EQ(failure.message.find(foreign), std::string::npos) << failure.message;
  }
  EXPECT_NE(failures[4].message.find("8000000 bytes more were needed"), std::string::npos) << failures[4].message;
  EXPECT_NE(failures[5].message.find("on the GPU: 2.00 GiB more were needed"), std::string::npos)
      << failures[5].message;
}

TEST(Failure, LibrariesSpeakThroughPlainWords) {
  const std::vector<Failure> failures{of([] { std::ignore = nlohmann::json::parse("{"); }),
                                      of([] { nlohmann::json::parse("{}").at("x").get<int>(); }),
                                      of([] { nlohmann::json("x").get<int>(); }), of([] {
                                        std::ifstream file;
                                        file.exceptions(std::ios::failbit);
                                        file.open("/nowhere/at/all");
                                      }),
                                      of([] { throw std::system_error(EIO, std::generic_category(), "basic_file"); })};
  for (const Failure& failure : failures) {
    EXPECT_EQ(failure.exit_code, 3);
    for (const char* foreign : {"json.exception", "basic_", "iostream", "std::"})
      EXPECT_EQ(failure.message.find(foreign), std::string::npos) << failure.message;
  }
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
