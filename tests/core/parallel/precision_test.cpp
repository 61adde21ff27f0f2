// The data type that a recipe's precision names.
//
// labels: unit
#include "core/parallel/precision.h"

#include <gtest/gtest.h>

namespace filigree::train {
namespace {

TEST(Precision, ANamedTypeDoesNotDependOnTheDevice) {
  for (const at::Device device : {at::Device(at::kCPU), at::Device(at::kCUDA, 0)}) {
    EXPECT_EQ(choose_precision(recipe::Precision::fp32, device), at::kFloat);
    EXPECT_EQ(choose_precision(recipe::Precision::bf16, device), at::kBFloat16);
  }
}

/// A GPU multiplies bf16; a CPU does if it has the instructions.
TEST(Precision, AutoIsBf16WhereTheHardwareMultipliesIt) {
  const at::Device gpu(at::kCUDA, 0), cpu(at::kCPU);
  EXPECT_TRUE(multiplies_bf16(gpu));
  EXPECT_EQ(choose_precision(recipe::Precision::automatic, gpu), at::kBFloat16);
  EXPECT_EQ(choose_precision(recipe::Precision::automatic, cpu), multiplies_bf16(cpu) ? at::kBFloat16 : at::kFloat);
}

TEST(Precision, NamesAreThoseOfTheRecipe) {
  for (const auto precision : {recipe::Precision::fp32, recipe::Precision::bf16})
    EXPECT_EQ(precision_name(choose_precision(precision, at::kCPU)), enum_name(precision));
}

}  // namespace
}  // namespace filigree::train
