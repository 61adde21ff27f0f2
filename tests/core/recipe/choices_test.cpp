// labels: unit
#include "core/recipe/choices.h"

#include <gtest/gtest.h>

#include <set>

#include "core/task.h"

namespace filigree::recipe {
namespace {

template <class E>
class ChoicesTest : public ::testing::Test {};

using Enums = ::testing::Types<Task, InitialWeights, ResetHead, BadRows, Device, Backend, Precision, GradDtype,
                               Optimizer, LrSchedule, Structure, PruneScope, ExportDtype, ExportFormat>;
TYPED_TEST_SUITE(ChoicesTest, Enums);

TYPED_TEST(ChoicesTest, EveryValueHasOneNameOfItsOwn) {
  const auto table = enum_names(TypeParam{});
  const std::vector<std::string> names = all_enum_names<TypeParam>();
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), table.size());
  for (size_t i = 0; i < table.size(); ++i) {
    EXPECT_EQ(static_cast<size_t>(table[i].value), i) << "values are listed in the order of the enum";
    EXPECT_EQ(enum_name(table[i].value), names[i]);
    EXPECT_EQ(enum_from<TypeParam>(names[i]), table[i].value);
  }
}

TYPED_TEST(ChoicesTest, OtherNamesHaveNoValue) {
  EXPECT_FALSE(enum_from<TypeParam>(""));
  EXPECT_FALSE(enum_from<TypeParam>("Auto"));
  EXPECT_EQ(enum_name(static_cast<TypeParam>(enum_names(TypeParam{}).size())), "");
}

}  // namespace
}  // namespace filigree::recipe
