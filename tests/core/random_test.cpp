// Random numbers are functions of their stream: a change of them would change every run.
#include "core/random.h"

#include <gtest/gtest.h>

namespace filigree::random {
namespace {

/// recipes/bench/transformers_peft.py has the same function, to choose the same samples; tests/end_to_end/bench_methods.py
/// compares it with this list.
TEST(Random, PermutationOfAStreamIsFixed) {
  EXPECT_EQ(permutation(stream(7, "data.limit"), 10), (std::vector<int64_t>{4, 2, 3, 6, 5, 9, 8, 7, 0, 1}));
}

}  // namespace
}  // namespace filigree::random
