// NaN and infinity in a file are named; the largest finite numbers are not.
//
// labels: unit
#include "core/safetensors/check_finite.h"

#include <ATen/ops/full.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "core/error.h"

namespace filigree::checkpoint {
namespace {

std::string complaint(float value) {
  at::Tensor values = at::full({3, 4}, 0.5, at::kFloat);
  values[1][2] = value;
  try {
    check_finite(values, "dir/model.safetensors", "a.weight");
  } catch (const DataError& error) {
    return error.what();
  }
  return "";
}

TEST(CheckFinite, NamesTheTensorAndItsFile) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                          -std::numeric_limits<float>::infinity()})
    EXPECT_EQ(complaint(bad),
              "dir/model.safetensors: tensor 'a.weight' contains NaN or infinity: the file is damaged; replace it");
}

TEST(CheckFinite, AcceptsNumbersWhoseSumOverflows) {
  EXPECT_EQ(complaint(1.0F), "");
  const at::Tensor large = at::full({4}, std::numeric_limits<float>::max(), at::kFloat);
  EXPECT_NO_THROW(check_finite(large, "dir/model.safetensors", "a.weight"));
}

}  // namespace
}  // namespace filigree::checkpoint
