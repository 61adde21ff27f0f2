// labels: unit parity
// Token ids, type ids and decoded texts against the `tokenizers` package: WordNet glosses, the shared data, edge cases,
// fuzzed strings, pairs at many max_lengths; models from tokenizer.json and vocab.txt, cased and uncased, with added
// tokens.
#include <gtest/gtest.h>

#include "parity.h"

namespace filigree::data {
namespace {

using testing::Cases;
using testing::compare;
using testing::read_cases;

class TokenizerParity : public ::testing::TestWithParam<const char*> {};

TEST_P(TokenizerParity, EdgeCasesAndFuzz) {
  FILIGREE_REFERENCE_OR_SKIP(dir);
  compare(dir + "/" + GetParam(), dir + "/" + GetParam() + ".edge.bin", 6030);
}

TEST_P(TokenizerParity, PairsAndTruncation) {
  FILIGREE_REFERENCE_OR_SKIP(dir);
  compare(dir + "/" + GetParam(), dir + "/" + GetParam() + ".pairs.bin", 3000);
}

TEST_P(TokenizerParity, Decoding) {
  FILIGREE_REFERENCE_OR_SKIP(dir);
  testing::compare_decoded(dir + "/" + GetParam(), dir + "/" + GetParam() + ".decode.bin", 10000);
}

INSTANTIATE_TEST_SUITE_P(Models, TokenizerParity,
                         ::testing::Values("uncased", "uncased_vocab", "cased", "cased_vocab", "keep_accents", "added",
                                           "bare"));

class TokenizerCorpora : public ::testing::TestWithParam<const char*> {};

TEST_P(TokenizerCorpora, Glosses) {
  FILIGREE_REFERENCE_OR_SKIP(dir);
  compare(dir + "/" + GetParam(), dir + "/" + GetParam() + ".glosses.bin", 20000);
}

TEST_P(TokenizerCorpora, SharedData) {
  FILIGREE_REFERENCE_OR_SKIP(dir);
  const std::string file = dir + "/" + GetParam() + ".shared.bin";
  if (!std::filesystem::exists(file))
    GTEST_SKIP() << "no shared data (FILIGREE_SHARED_DATA) when the reference was made";
  compare(dir + "/" + GetParam(), file, 20000);
}

INSTANTIATE_TEST_SUITE_P(Models, TokenizerCorpora, ::testing::Values("uncased", "uncased_vocab", "cased"));

TEST(TokenizerBatch, ThreadsKeepTheOrder) {
  FILIGREE_REFERENCE_OR_SKIP(dir);
  const auto tokenizer = load_tokenizer(dir + "/uncased");
  const Cases cases = read_cases(dir + "/uncased.glosses.bin");
  std::vector<TextPair> texts;
  for (const std::string& text : cases.a) texts.push_back({text, {}});
  const auto got = tokenizer->encode_batch(texts);
  ASSERT_EQ(got.size(), cases.ids.size());
  for (size_t i = 0; i < got.size(); ++i) ASSERT_EQ(got[i].ids, cases.ids[i]) << i;
}

}  // namespace
}  // namespace filigree::data
