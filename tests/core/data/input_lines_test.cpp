#include "core/data/input_lines.h"

#include "support.h"

namespace filigree::data {
namespace {

using testing::error_of;

TEST(InputLines, TextsAndPairsLineByLine) {
  const testing::TempDir dir;
  const InputLines lines(dir.write("in.txt",
                                   "\xef\xbb\xbf"
                                   "a b\n\nc\td e\r\n\tx\ny\t"));
  ASSERT_EQ(lines.texts().size(), 5u);
  EXPECT_EQ(lines.texts()[0].a, "a b");
  EXPECT_FALSE(lines.texts()[0].b);
  EXPECT_EQ(lines.texts()[1].a, "");
  EXPECT_EQ(lines.texts()[2].b, "d e");
  EXPECT_EQ(lines.texts()[3].a, "");
  EXPECT_EQ(lines.texts()[3].b, "x");
  EXPECT_EQ(lines.texts()[4].b, "");
}

TEST(InputLines, Faults) {
  const testing::TempDir dir;
  EXPECT_TRUE(InputLines(dir.write("empty", "")).texts().empty());
  EXPECT_HAS(error_of([&] { InputLines(dir.write("x", "ok\na\tb\tc\n")); }),
             "3 " + dir.path() + "/x:2: has more than one tab");
  EXPECT_HAS(error_of([&] { InputLines(dir.write("x", "ok\n\xff\n")); }),
             "x:2: byte 1 of the line (0xff) is not UTF-8");
  EXPECT_HAS(error_of([&] { InputLines(dir.path() + "/none"); }), "there is no such file");
}

}  // namespace
}  // namespace filigree::data
