// labels: unit parity
// Byte-level BPE against the `tokenizers` package, and for vocab.json with merges.txt against transformers: GPT-2's and
// RoBERTa's layouts over a small vocabulary trained on WordNet, and over GPT-2's own where the shared data has it.
#include <gtest/gtest.h>

#include <thread>

#include "core/text/unicode.h"
#include "core/tokenizer/byte_level.h"
#include "parity.h"

namespace filigree::data {
namespace {

// NOLINTBEGIN(bugprone-macro-parentheses): `dir` is the name of the variable
#define FILIGREE_BPE_REFERENCE_OR_SKIP(dir)                                                                \
  const std::string dir = testing::reference_dir("FILIGREE_BPE_REFERENCE", "bpe_reference", "models.txt"); \
  if (dir.empty())                                                                                         \
  GTEST_SKIP() << "the reference files are missing: the fixture bpe_reference needs FILIGREE_PYTHON with " \
                  "tokenizers, and wordnet-base"
// NOLINTEND(bugprone-macro-parentheses)

#define FILIGREE_CASES_OR_SKIP(file, what) \
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "not made when the reference was: needs " << (what)

/// What the model needs besides tokenizers.
const char* needs(const std::string& model) {
  if (model.starts_with("files")) return "transformers";
  return "the shared data (FILIGREE_SHARED_DATA), transformers";
}

class BpeParity : public ::testing::TestWithParam<std::string> {};

TEST_P(BpeParity, EdgeCasesAndFuzz) {
  FILIGREE_BPE_REFERENCE_OR_SKIP(dir);
  const std::string model = dir + "/" + GetParam();
  FILIGREE_CASES_OR_SKIP(model + ".edge.bin", needs(GetParam()));
  testing::compare(model, model + ".edge.bin", 6040);
}

TEST_P(BpeParity, PairsAndTruncation) {
  FILIGREE_BPE_REFERENCE_OR_SKIP(dir);
  const std::string model = dir + "/" + GetParam();
  FILIGREE_CASES_OR_SKIP(model + ".pairs.bin", needs(GetParam()));
  testing::compare(model, model + ".pairs.bin", 2500);
}

TEST_P(BpeParity, Decoding) {
  FILIGREE_BPE_REFERENCE_OR_SKIP(dir);
  const std::string model = dir + "/" + GetParam();
  FILIGREE_CASES_OR_SKIP(model + ".decode.bin", needs(GetParam()));
  testing::compare_decoded(model, model + ".decode.bin", 8000);
}

INSTANTIATE_TEST_SUITE_P(Models, BpeParity,
                         ::testing::Values("small", "small_roberta", "small_added", "small_prefix", "small_no_regex",
                                           "small_sequence", "small_unknown", "small_fused", "small_dropped",
                                           "small_ignore", "small_half", "files_gpt2", "files_gpt2_bare",
                                           "files_gpt2_config", "files_gpt2_eos", "files_roberta", "files_roberta_map",
                                           "files_roberta_config", "files_roberta_decoder", "gpt2", "gpt2_files",
                                           "roberta", "roberta_files"),
                         [](const auto& model) { return model.param; });

class BpeGlosses : public ::testing::TestWithParam<std::string> {};

TEST_P(BpeGlosses, AreEqual) {
  FILIGREE_BPE_REFERENCE_OR_SKIP(dir);
  const std::string model = dir + "/" + GetParam();
  FILIGREE_CASES_OR_SKIP(model + ".glosses.bin", needs(GetParam()));
  testing::compare(model, model + ".glosses.bin", 20000);
}

INSTANTIATE_TEST_SUITE_P(Models, BpeGlosses,
                         ::testing::Values("small", "small_roberta", "files_roberta", "gpt2", "roberta_files"),
                         [](const auto& model) { return model.param; });

class BpeSharedData : public ::testing::TestWithParam<std::string> {};

TEST_P(BpeSharedData, IsEqual) {
  FILIGREE_BPE_REFERENCE_OR_SKIP(dir);
  const std::string model = dir + "/" + GetParam();
  FILIGREE_CASES_OR_SKIP(model + ".shared.bin", "the shared data (FILIGREE_SHARED_DATA)");
  testing::compare(model, model + ".shared.bin", 20000);
}

INSTANTIATE_TEST_SUITE_P(Models, BpeSharedData,
                         ::testing::Values("small", "gpt2", "gpt2_files", "roberta", "roberta_files"),
                         [](const auto& model) { return model.param; });

TEST(Bpe, DecodingGivesTheTextBack) {
  FILIGREE_BPE_REFERENCE_OR_SKIP(dir);
  const auto tokenizer = load_tokenizer(dir + "/small");
  const testing::Cases cases = testing::read_cases(dir + "/small.edge.bin");
  for (const std::string& text : cases.a) EXPECT_EQ(tokenizer->decode(tokenizer->encode(text).ids, false), text);
}

TEST(Bpe, ThreadsShareATokenizer) {
  FILIGREE_BPE_REFERENCE_OR_SKIP(dir);
  const auto tokenizer = load_tokenizer(dir + "/small");
  const testing::Cases cases = testing::read_cases(dir + "/small.glosses.bin");
  std::vector<size_t> wrong(4);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < wrong.size(); ++t)
    threads.emplace_back([&, t] {
      for (size_t i = t; i < cases.a.size(); i += 2) wrong[t] += tokenizer->encode(cases.a[i]).ids != cases.ids[i];
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<size_t>(4));
}

/// The pattern of words over every code point, seen through the words of "a<c>", "1<c>" and "!<c>".
TEST(ByteLevel, ClassOfEveryCodePoint) {
  FILIGREE_BPE_REFERENCE_OR_SKIP(dir);
  const testing::ReferenceFile file(dir + "/classes.bin");
  ASSERT_EQ(file.bytes().size(), 0x110000u);
  int failures = 0;
  for (char32_t c = 0; c < 0x110000 && failures < 20; ++c) {
    if (c >= 0xd800 && c <= 0xdfff) continue;
    int got = 4, kind = 0;
    for (const char* before : {"a", "1", "!"}) {
      std::string text = before;
      unicode::append_utf8(c, text);
      ++kind;
      if (got == 4 && byte_level::word_end(text, 0) == text.size()) got = kind;
    }
    EXPECT_EQ(got, file.bytes()[c]) << "code point " << static_cast<uint32_t>(c);
    failures += got != file.bytes()[c];
  }
}

}  // namespace
}  // namespace filigree::data
