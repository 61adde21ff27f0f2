// labels: unit parity
// Token ids and type ids against the `tokenizers` package: WordNet glosses, the shared data, edge cases, fuzzed
// strings, pairs at many max_lengths; models from tokenizer.json and vocab.txt, cased and uncased, with added tokens.
#include <gtest/gtest.h>

#include "core/data/tokenizer.h"
#include "reference.h"

namespace filigree::data {
namespace {

struct Cases {
  std::vector<std::string> a, b;
  std::vector<bool> pair;
  std::vector<int32_t> max_length;
  std::vector<std::vector<int32_t>> ids, types;
};

Cases read_cases(const std::string& path) {
  testing::ReferenceFile file(path);
  Cases cases;
  while (!file.done()) {
    cases.max_length.push_back(file.i32());
    cases.a.push_back(file.text());
    cases.pair.push_back(file.i32() != 0);
    cases.b.push_back(file.text());
    cases.ids.push_back(file.array());
    cases.types.push_back(file.array());
  }
  return cases;
}

void compare(const std::string& model_dir, const std::string& path, size_t at_least) {
  const auto tokenizer = load_tokenizer(model_dir);
  const Cases cases = read_cases(path);
  ASSERT_GE(cases.a.size(), at_least) << path;
  int failures = 0;
  for (size_t i = 0; i < cases.a.size() && failures < 5; ++i) {
    const TextPair text{cases.a[i], cases.pair[i] ? std::optional<std::string_view>(cases.b[i]) : std::nullopt};
    const Encoding got = tokenizer->encode(text, cases.max_length[i] < 0 ? Tokenizer::kNoLimit : cases.max_length[i]);
    const bool same = got.ids == cases.ids[i] && got.type_ids == cases.types[i];
    failures += same ? 0 : 1;
    EXPECT_EQ(got.ids, cases.ids[i]) << path << " case " << i << " max_length " << cases.max_length[i] << "\n"
                                     << cases.a[i] << "\n"
                                     << cases.b[i];
    EXPECT_EQ(got.type_ids, cases.types[i]) << path << " case " << i;
  }
}

class TokenizerParity : public ::testing::TestWithParam<const char*> {};

TEST_P(TokenizerParity, EdgeCasesAndFuzz) {
  FILIGREE_REFERENCE_OR_SKIP(dir);
  compare(dir + "/" + GetParam(), dir + "/" + GetParam() + ".edge.bin", 6030);
}

TEST_P(TokenizerParity, PairsAndTruncation) {
  FILIGREE_REFERENCE_OR_SKIP(dir);
  compare(dir + "/" + GetParam(), dir + "/" + GetParam() + ".pairs.bin", 3000);
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
