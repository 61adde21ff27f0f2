// Samples of causal language modelling: where they are cut, what is predicted, what a batch's labels are.
#include "core/data/causal.h"

#include "core/data/collate.h"
#include "core/data/formats/delimited.h"
#include "core/data/formats/lines.h"
#include "core/data/formats/messages.h"
#include "core/data/formats/prompt_completion.h"
#include "support.h"

namespace filigree::data {
namespace {

using testing::error_of;
using Ids = std::vector<int32_t>;

/// A token for each byte; 0 ends a text.
class Bytes final : public Tokenizer {
 public:
  explicit Bytes(int32_t end = 0) : Tokenizer({.around = {}, .special = special_with(end)}, {0}, 256) {}
  void tokenize(std::string_view text, Ids& ids) const override {
    for (const char c : text) ids.push_back(static_cast<unsigned char>(c));
  }
  std::string decode(std::span<const int32_t> ids, bool) const override { return {ids.begin(), ids.end()}; }

 private:
  static SpecialIds special_with(int32_t end) {
    SpecialIds ids;
    ids.eos = end;
    return ids;
  }
};

struct Made {
  Dataset set;
  std::vector<size_t> rows;
};

Made make(const std::vector<std::vector<std::string>>& rows, const CausalOptions& options,
          const Format& format = Tsv()) {
  Made made;
  const auto where = [](size_t row) { return fmt::format("file:{}", row + 1); };
  made.rows = add_causal(rows, format, Bytes(), options, where, made.set);
  return made;
}

std::vector<int64_t> labels_of(const Dataset& set, const std::vector<int64_t>& samples) {
  const Batch batch = collate(set, samples);
  const auto* values = batch.labels.const_data_ptr<int64_t>();
  return {values, values + batch.labels.numel()};
}

TEST(Causal, ATextIsPredictedFromItsSecondTokenToItsEnd) {
  const Made made = make({{"abc"}, {"d"}}, {8, false});
  EXPECT_EQ(made.set.ids, (Ids{'a', 'b', 'c', 0, 'd', 0}));
  EXPECT_EQ(made.rows, (std::vector<size_t>{0, 1}));
  EXPECT_EQ(labels_of(made.set, {1, 0}), (std::vector<int64_t>{0, -100, 'b', 'c', 0, -100}));
}

TEST(Causal, OfAContextTheReferenceAlone) {
  const Made made = make({{"ab", "xy"}}, {16, false});
  EXPECT_EQ(made.set.ids, (Ids{'a', 'b', 0, ' ', 'x', 'y', 0}));
  EXPECT_EQ(labels_of(made.set, {0}), (std::vector<int64_t>{-100, -100, ' ', 'x', 'y', 0, -100}));
  EXPECT_EQ(causal_ids(*E2e().prompt("ab", 2), Bytes()), (Ids{'a', 'b', 0}));
  EXPECT_FALSE(Tsv().prompt("ab", 1).has_value());
}

TEST(Causal, LongSamplesAreCutAtTheirEnd) {
  EXPECT_EQ(make({{"abcdef"}}, {4, false}).set.ids, (Ids{'a', 'b', 'c', 'd'}));
  EXPECT_EQ(labels_of(make({{"ab", "xyz"}}, {5, false}).set, {0}), (std::vector<int64_t>{-100, -100, ' ', 'x', -100}));
  EXPECT_HAS(
      error_of([] {
        make({{"a", "b"}, {"abcd", "x"}}, {5, false});
      }),
      "file:2: the context has 5 tokens, so data.max_length 5 leaves none for the reference (set data.bad_rows: skip");
  const Made left = make({{"a", "b"}, {"abcd", "x"}, {"c", "d"}}, {5, false, true});
  EXPECT_EQ(left.set.ids, (Ids{'a', 0, ' ', 'b', 0, 'c', 0, ' ', 'd', 0}));
  EXPECT_EQ(left.rows, (std::vector<size_t>{0, 2}));
  EXPECT_EQ(left.set.skipped, 1);
  EXPECT_HAS(left.set.first_skipped, "file:2: the context has 5 tokens");
}

TEST(Causal, PackedBlocksLoseNothing) {
  const Made made = make({{"abc"}, {"de"}, {"f"}}, {4, true});
  EXPECT_EQ(made.set.ids, (Ids{'a', 'b', 'c', 0, 'd', 'e', 0, 'f'})) << "but a last block of one token";
  EXPECT_EQ(made.set.offsets, (std::vector<int64_t>{0, 4, 8}));
  EXPECT_EQ(made.rows, (std::vector<size_t>{0, 1}));
  EXPECT_EQ(make({{"abc"}, {"de"}}, {5, true}).set.offsets, (std::vector<int64_t>{0, 5, 7}));
  EXPECT_EQ(labels_of(made.set, {1}), (std::vector<int64_t>{'e', 0, 'f', -100}));
}

constexpr int64_t kNone = -100;

TEST(Causal, OfAPromptTheCompletionAlone) {
  const PromptCompletion format;
  const Made made = make({{"ab", "xy"}, {"", "z"}}, {16, false}, format);
  EXPECT_EQ(made.set.ids, (Ids{'a', 'b', 'x', 'y', 0, 'z', 0}));
  EXPECT_EQ(labels_of(made.set, {0}), (std::vector<int64_t>{kNone, 'x', 'y', 0, kNone}));
  EXPECT_EQ(labels_of(made.set, {1}), (std::vector<int64_t>{0, kNone})) << "nothing predicts a sample's first token";
  EXPECT_EQ(causal_ids(*format.prompt("ab", 2), Bytes()), (Ids{'a', 'b'}));
}

/// The bytes of a text, '\0' for the end of text.
Ids ids_of(std::string_view text) {
  Ids ids;
  for (const char c : text) ids.push_back(static_cast<unsigned char>(c));
  return ids;
}

TEST(Causal, OfAConversationTheAssistantsTurnsAlone) {
  using namespace std::string_view_literals;
  const Messages format;
  const Made made =
      make({{"system", "s", "user", "u", "assistant", "a", "user", "v", "assistant", "b"}}, {99, false}, format);
  const Ids ids = ids_of("System: s\0User: u\0Assistant: a\0User: v\0Assistant: b\0"sv);
  EXPECT_EQ(made.set.ids, ids);
  const std::vector<int64_t> labels = labels_of(made.set, {0});
  std::string predicted;
  for (size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] == kNone) continue;
    EXPECT_EQ(labels[i], ids[i + 1]);
    predicted += static_cast<char>(labels[i]);
  }
  EXPECT_EQ(predicted, " a\0 b\0"sv);
  EXPECT_EQ(made.set.first_target(0), static_cast<int64_t>("System: s\0User: u\0Assistant:"sv.size()));
  EXPECT_EQ(made.set.targets_end(0), made.set.first_target(0) + 3) << "the first answer: space, a, end";
  EXPECT_EQ(causal_ids(*format.prompt("u", 1), Bytes()), ids_of("User: u\0Assistant:"sv));
}

TEST(Causal, ASampleCutBeforeItsFirstAnswerIsABadRow) {
  EXPECT_HAS(error_of([] {
               make({{"user", "long", "assistant", "a"}}, {12, false}, Messages());
             }),
             "file:1: the conversation before the assistant's first answer has 21 tokens, so data.max_length 12 leaves "
             "none for the answer (set data.bad_rows: skip");
  EXPECT_HAS(
      error_of([] {
        make({{"a", "b"}, {"abcd", "x"}}, {4, false}, PromptCompletion());
      }),
      "file:2: the prompt has 4 tokens, so data.max_length 4 leaves none for the completion (set data.bad_rows: ");
}

TEST(Causal, ARowWithoutAnAnswerIsABadRow) {
  const auto error = [](const std::vector<std::string>& row, const Format& format) {
    return error_of([&] { make({row}, {99, false}, format); });
  };
  for (const char* blank : {"", " ", "\n\t", "\u00a0"}) {
    EXPECT_HAS(error({"user", "u", "assistant", blank}, Messages()),
               "file:1: the answer is empty, so there is nothing to learn (set data.bad_rows: skip");
    EXPECT_HAS(error({"user", "u", "assistant", blank, "user", "v", "assistant", ""}, Messages()),
               "file:1: the answer is empty");
    EXPECT_HAS(error({"ab", blank}, PromptCompletion()), "file:1: the completion is empty");
    EXPECT_HAS(error({"", blank}, PromptCompletion()), "file:1: the completion is empty");
    EXPECT_HAS(error({"ab", blank}, E2e()), "file:1: the reference is empty");
    EXPECT_HAS(error({"ab", blank}, Tsv()), "file:1: the reference is empty");
  }
  EXPECT_HAS(error({""}, Tsv()), "file:1: the text is empty, so there is nothing to learn");
  const Made made =
      make({{"user", "u", "assistant", ""}, {"user", "u", "assistant", "", "user", "v", "assistant", "b"}},
           {99, false, true}, Messages());
  EXPECT_EQ(made.rows, std::vector<size_t>{1}) << "one answer is enough; the end of the empty one is learned, too";
  EXPECT_EQ(made.set.skipped, 1);
  EXPECT_HAS(made.set.first_skipped, "file:1: the answer is empty");
  EXPECT_EQ(make({{"a"}, {""}, {"b"}}, {4, true}).set.ids, (Ids{'a', 0, 0, 'b'})) << "packed texts are not rows";
}

TEST(Causal, TheHashSeesWhichTokensArePredicted) {
  const Made one = make({{"user", "u", "assistant", "a", "user", "v", "assistant", "b"}}, {99, false}, Messages());
  Dataset other = one.set;
  other.targets.back() = 0;
  EXPECT_NE(one.set.hash(), other.hash());
}

TEST(Causal, NeedsAnEndOfText) {
  Dataset set;
  EXPECT_HAS(error_of([&] { add_causal({{"a"}}, Tsv(), Bytes(-1), {}, nullptr, set); }), "has no end-of-text token");
}

}  // namespace
}  // namespace filigree::data
