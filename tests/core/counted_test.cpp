// Numbers with their nouns.
//
// labels: unit
#include "core/counted.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

namespace filigree {
namespace {

TEST(Counted, OneIsSingular) {
  EXPECT_EQ(counted(1, "rank"), "1 rank");
  EXPECT_EQ(counted(uint64_t{1}, "batch"), "1 batch");
  EXPECT_EQ(counted(int64_t{1}, "matrix", "matrices"), "1 matrix");
}

TEST(Counted, OthersArePlural) {
  EXPECT_EQ(counted(0, "rank"), "0 ranks");
  EXPECT_EQ(counted(-1, "row"), "-1 rows");
  EXPECT_EQ(counted(2, "training sample"), "2 training samples");
  EXPECT_EQ(counted(11, "batch"), "11 batches");
  EXPECT_EQ(counted(2, "class"), "2 classes");
  EXPECT_EQ(counted(2, "pass"), "2 passes");
  EXPECT_EQ(counted(3, "matrix", "matrices"), "3 matrices");
  EXPECT_EQ(counted(3, "entry", "entries"), "3 entries");
  EXPECT_EQ(counted(std::numeric_limits<uint64_t>::max(), "byte"), "18446744073709551615 bytes");
}

}  // namespace
}  // namespace filigree
