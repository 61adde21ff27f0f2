// Samples of causal language modelling: where they are cut, what is predicted, what a batch's labels are.
#include "core/data/causal.h"

#include "core/data/collate.h"
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

Made make(const std::vector<std::vector<std::string>>& rows, const CausalOptions& options) {
  Made made;
  const auto where = [](size_t row) { return fmt::format("file:{}", row + 1); };
  made.rows = add_causal(rows, Bytes(), options, where, made.set);
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
  EXPECT_EQ(causal_prompt("ab", Bytes()), (Ids{'a', 'b', 0}));
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

TEST(Causal, NeedsAnEndOfText) {
  Dataset set;
  EXPECT_HAS(error_of([&] { add_causal({{"a"}}, Bytes(-1), {}, nullptr, set); }), "has no end-of-text token");
}

}  // namespace
}  // namespace filigree::data
