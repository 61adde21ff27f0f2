// labels: unit
// Which generated texts end because the model has no more positions.
#include "core/inference/continue_texts.h"

#include <gtest/gtest.h>

namespace filigree::train {
namespace {

using Prompts = std::vector<std::vector<int32_t>>;

/// A text of `tokens` tokens.
Continuation text_of(size_t tokens) { return {std::vector<int32_t>(tokens, 5), ""}; }

TEST(CutShort, NamesTextsThatReachTheLastPositionBeforeTheirLimit) {
  const Prompts prompts{{1, 2, 3}, {1, 2, 3}, {1, 2, 3}, {1}};
  const std::vector<Continuation> texts{text_of(7), text_of(6), text_of(0), text_of(9)};
  EXPECT_EQ(cut_short(prompts, texts, /*max_new_tokens=*/20, /*positions=*/10), (std::vector<size_t>{0, 3}));
  EXPECT_EQ(cut_short(prompts, texts, /*max_new_tokens=*/8, /*positions=*/10), (std::vector<size_t>{0}));
  EXPECT_TRUE(cut_short(prompts, texts, /*max_new_tokens=*/7, /*positions=*/10).empty()) << "the limit is reached";
  EXPECT_TRUE(cut_short({}, {}, 7, 10).empty());
}

}  // namespace
}  // namespace filigree::train
