#include "core/optim/schedule.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <string>

#include "core/error.h"
#include "core/safetensors/safetensors.h"

namespace filigree::optim {
namespace {

TEST(Schedule, AgreesWithTransformersAtEveryStep) {
  const std::string path = FILIGREE_BINARY_DIR "/optim_reference/schedules.safetensors";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is missing: the fixture optim_reference makes it";
  const auto reference = checkpoint::SafetensorsReader::open(path);
  ASSERT_EQ(reference.names().size(), 18U);
  for (const std::string& name : reference.names()) {
    char kind[16];
    long long warmup = 0, total = 0;
    ASSERT_EQ(std::sscanf(name.c_str(), "%15[a-z].%lld.%lld", kind, &warmup, &total), 3) << name;
    const Schedule schedule{enum_from<recipe::LrSchedule>(kind).value(), 1e-3, warmup, total};
    const at::Tensor factors = reference.read(name);
    for (int64_t step = 0; step < factors.numel(); ++step)
      EXPECT_NEAR(schedule.at(step), 1e-3 * factors.const_data_ptr<double>()[step], 1e-15) << name << " step " << step;
  }
}

TEST(Schedule, EndsAtZeroAndPeaksAfterTheWarmUp) {
  const Schedule schedule{recipe::LrSchedule::linear, 2e-3, 10, 100};
  EXPECT_EQ(schedule.at(0), 0.0);
  EXPECT_EQ(schedule.at(10), 2e-3);
  EXPECT_EQ(schedule.at(100), 0.0);
}

}  // namespace
}  // namespace filigree::optim
