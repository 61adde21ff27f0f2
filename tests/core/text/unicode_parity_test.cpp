// labels: unit parity
// The normaliser, the pre-tokenizer and \w for every single code point against the `tokenizers` package.
#include <gtest/gtest.h>

#include <map>

#include "core/tokenizer/bert_normalizer.h"
#include "tests/core/data/reference.h"

namespace filigree::data {
namespace {

BertNormalizerOptions read_options(testing::ReferenceFile& file) {
  BertNormalizerOptions options;
  options.clean_text = file.i32() != 0;
  options.handle_chinese_chars = file.i32() != 0;
  const int32_t strip = file.i32();
  if (strip >= 0) options.strip_accents = strip != 0;
  options.lowercase = file.i32() != 0;
  return options;
}

std::string around(char32_t c) {
  std::string text = "a";
  unicode::append_utf8(c, text);
  return text + "b";
}

template <class F>
void for_each_point(F&& check) {
  int failures = 0;
  for (char32_t c = 0; c < 0x110000 && failures < 20; ++c)
    if ((c < 0xd800 || c > 0xdfff) && !check(c)) ++failures;
}

std::string hex(char32_t c) {
  char text[16];
  std::snprintf(text, sizeof text, "U+%04X", static_cast<unsigned>(c));
  return text;
}

TEST(UnicodeParity, NormalizerOnEveryCodePoint) {
  FILIGREE_REFERENCE_OR_SKIP(dir);
  for (int k = 0; k < 8; ++k) {
    testing::ReferenceFile file(dir + "/points." + std::to_string(k) + ".bin");
    const BertNormalizer normalizer(read_options(file));
    std::map<char32_t, std::string> changed;
    while (!file.done()) {
      const auto c = static_cast<char32_t>(file.i32());
      changed[c] = file.text();
    }
    ASSERT_GT(changed.size(), 1000u);
    for_each_point([&](char32_t c) {
      const auto it = changed.find(c);
      const std::string wanted = it == changed.end() ? around(c) : it->second, got = normalizer.normalize(around(c));
      EXPECT_EQ(got, wanted) << hex(c) << " options " << k;
      return got == wanted;
    });
  }
}

TEST(UnicodeParity, NormalizerOnFuzzedText) {
  FILIGREE_REFERENCE_OR_SKIP(dir);
  testing::ReferenceFile file(dir + "/normalized.bin");
  int sets = 0;
  for (; !file.done(); ++sets) {
    const BertNormalizer normalizer(read_options(file));
    const int32_t count = file.i32();
    ASSERT_GT(count, 6000);
    for (int32_t i = 0; i < count; ++i) {
      const std::string text = file.text(), wanted = file.text();
      ASSERT_EQ(normalizer.normalize(text), wanted) << "options " << sets << " text " << i << ": " << text;
    }
  }
  EXPECT_EQ(sets, 8);
}

TEST(UnicodeParity, SplitsOnEveryCodePoint) {
  FILIGREE_REFERENCE_OR_SKIP(dir);
  const testing::ReferenceFile file(dir + "/splits.bin");
  ASSERT_EQ(file.bytes().size(), 0x110000u);
  for_each_point([&](char32_t c) {
    const auto flags = static_cast<uint8_t>(file.bytes()[c]);
    const int got =
        (unicode::is_punctuation(c) ? 1 : 0) + (unicode::is_whitespace(c) ? 2 : 0) + (unicode::is_word(c) ? 4 : 0);
    EXPECT_EQ(got, flags) << hex(c);
    return got == flags;
  });
}

TEST(Unicode, FindsInvalidUtf8) {
  EXPECT_EQ(unicode::find_invalid_utf8("plain \xc3\xa9 \xf0\x9f\x98\x80"), unicode::kValid);
  EXPECT_EQ(unicode::find_invalid_utf8("ab\xff"), 2u);
  EXPECT_EQ(unicode::find_invalid_utf8("a\xc3"), 1u);             // cut off
  EXPECT_EQ(unicode::find_invalid_utf8("\xc0\xaf"), 0u);          // overlong
  EXPECT_EQ(unicode::find_invalid_utf8("\xed\xa0\x80"), 0u);      // surrogate
  EXPECT_EQ(unicode::find_invalid_utf8("\xf4\x90\x80\x80"), 0u);  // beyond U+10FFFF
}

TEST(Unicode, ReordersLongRunsOfMarksInReasonableTime) {
  std::u32string text = U"a";
  for (int i = 0; i < 400000; ++i) text += i % 2 == 0 ? U'\u0301' : U'\u0323';
  unicode::decompose(text);
  EXPECT_EQ(text[1], U'\u0323');
  EXPECT_EQ(text[200000], U'\u0323');
  EXPECT_EQ(text[200001], U'\u0301');
}

}  // namespace
}  // namespace filigree::data
