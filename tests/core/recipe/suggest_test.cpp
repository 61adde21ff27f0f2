#include "core/recipe/suggest.h"

#include <gtest/gtest.h>

namespace filigree::recipe {
namespace {

TEST(EditDistance, CountsInsertDeleteReplaceAndSwap) {
  EXPECT_EQ(edit_distance("epochs", "epochs"), 0u);
  EXPECT_EQ(edit_distance("epoch", "epochs"), 1u);
  EXPECT_EQ(edit_distance("batchsize", "batch_size"), 1u);
  EXPECT_EQ(edit_distance("shcedule", "schedule"), 1u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
}

TEST(Nearest, FindsSlipsAndLeavesStrangersAlone) {
  const std::vector<std::string> keys{"lr", "epochs", "max_steps", "batch_size", "temperature"};
  EXPECT_EQ(nearest("epoch", keys), "epochs");
  EXPECT_EQ(nearest("LR", keys), "lr");
  EXPECT_EQ(nearest("lrr", keys), "lr");
  EXPECT_EQ(nearest("batch-size", keys), "batch_size");
  EXPECT_EQ(nearest("temp", keys), "temperature");
  EXPECT_EQ(nearest("--res", {"--set", "--resume"}), "--resume");
  EXPECT_EQ(nearest("directory", {"format", "dir"}), "dir");
  EXPECT_EQ(nearest("colour", keys), "");
  EXPECT_EQ(nearest("x", keys), "");
  EXPECT_EQ(nearest("", keys), "");
}

}  // namespace
}  // namespace filigree::recipe
