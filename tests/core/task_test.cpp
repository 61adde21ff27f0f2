// labels: unit
#include "core/task.h"

#include <gtest/gtest.h>

namespace filigree {
namespace {

TEST(Task, LanguageModelsHaveALossPerToken) {
  EXPECT_TRUE(is_over_tokens(Task::masked_lm) && is_over_tokens(Task::causal_lm));
  EXPECT_FALSE(is_over_tokens(Task::sequence_classification) || is_over_tokens(Task::regression));
}

}  // namespace
}  // namespace filigree
