// The data type that a recipe's precision names.
//
// labels: unit
#include "core/parallel/precision.h"

#include <gtest/gtest.h>

namespace filigree::train {
namespace {

TEST(Precision, ANamedTypeDoesNotDependOnTheDevice) {
  for (const at::Device device : {at::Device(at::kCPU), at::Device(at::kCUDA, 0)}) {
    EXPECT_EQ(choose_precision("fp32", device), at::kFloat);
    EXPECT_EQ(choose_precision("bf16", device), at::kBFloat16);
  }
}

/// A GPU multiplies bf16; a CPU does if it has the instructions.
TEST(Precision, AutoIsBf16WhereTheHardwareMultipliesIt) {
  const at::Device gpu(at::kCUDA, 0), cpu(at::kCPU);
  EXPECT_TRUE(multiplies_bf16(gpu));
  EXPECT_EQ(choose_precision("auto", gpu), at::kBFloat16);
  EXPECT_EQ(choose_precision("auto", cpu), multiplies_bf16(cpu) ? at::kBFloat16 : at::kFloat);
}

TEST(Precision, NamesAreThoseOfTheRecipe) {
  for (const char* name : {"fp32", "bf16"}) EXPECT_STREQ(precision_name(choose_precision(name, at::kCPU)), name);
}

}  // namespace
}  // namespace filigree::train
