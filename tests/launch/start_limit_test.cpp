// How long a rank waits for the others before any command runs.
#include "launch/start_limit.h"

#include <gtest/gtest.h>

#include <string>

namespace filigree::launch {
namespace {

const std::string kRecipe = std::string(FILIGREE_SOURCE_DIR) + "/recipes/supersense_minilm_dsee.yaml";

TEST(StartLimit, IsTheRecipesTimeout) {
  EXPECT_EQ(start_limit({"train", kRecipe, "--set", "parallel.timeout=10"}), 10);
  EXPECT_EQ(start_limit({"bench", kRecipe, "--set", "parallel.timeout=7.5"}), 7.5);
  EXPECT_EQ(start_limit({"train", kRecipe}), 600);
}

TEST(StartLimit, IsBoundedWithoutARecipeOrWithABadOne) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{},
                                                {"--version"},
                                                {"train"},
                                                {"train", "/nowhere.yaml"},
                                                {"train", kRecipe, "--sett", "x"},
                                                {"train", kRecipe, "--set", "parallel.timeout=-1"},
                                                {"predict", "m", "--input", "f"}})
    EXPECT_EQ(start_limit(words), 600);
}

}  // namespace
}  // namespace filigree::launch
