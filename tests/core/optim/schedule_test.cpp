#include "core/optim/schedule.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>
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
    std::istringstream parts(name);  // "cosine.10.100"
    std::string kind, warmup, total;
    ASSERT_TRUE(std::getline(parts, kind, '.') && std::getline(parts, warmup, '.') && std::getline(parts, total))
        << name;
    const Schedule schedule{enum_from<recipe::LrSchedule>(kind).value(), 1e-3, std::stoll(warmup), std::stoll(total)};
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
