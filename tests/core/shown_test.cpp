// Text of a user's in a message.
#include "core/shown.h"

#include <gtest/gtest.h>

namespace filigree {
namespace {

TEST(Shown, ShortensBetweenCharacters) {
  EXPECT_EQ(shown("short"), "short");
  EXPECT_EQ(shown("12345", 5), "12345");
  EXPECT_EQ(shown("123456", 5), "12345...");
  EXPECT_EQ(shown("aé", 2), "a...") << "a character is whole or absent";
  EXPECT_EQ(shown(std::string(1 << 20, 'x')).size(), 63u);
  EXPECT_EQ(shown("\x80\x80\x80", 2), "...") << "no text at all ends too";
}

}  // namespace
}  // namespace filigree
