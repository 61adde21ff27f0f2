// The metrics of generated text on cases worked out by hand, and what they refuse.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/metrics/text/bleu.h"
#include "core/metrics/text/cider.h"
#include "core/metrics/text/nist.h"
#include "core/metrics/text/registry.h"
#include "core/metrics/text/rouge_l.h"

namespace filigree::text_metrics {
namespace {

constexpr double kTolerance = 1e-12;

TEST(Bleu, ClipsEachNgramByTheReferenceThatHasMostOfIt) {
  const std::vector<TextSample> samples{{"the cat sat on the mat", {"the cat sat on a mat", "a cat is on the mat"}}};
  const auto figures = bleu(samples);
  // Tokens: the (2, but once in each reference), cat, sat, on, mat: 5 of 6. Bigrams: "the cat", "cat sat", "sat on" of
  // the first, "on the", "the mat" of the second: 5 of 5. Trigrams: all but "sat on the": 3 of 4. 4-grams: "the cat sat
  // on" of 3. Six tokens against six: no penalty.
  EXPECT_NEAR(figures.at("precision_1"), 100 * 5.0 / 6, kTolerance);
  EXPECT_NEAR(figures.at("precision_2"), 100, kTolerance);
  EXPECT_NEAR(figures.at("precision_3"), 75, kTolerance);
  EXPECT_NEAR(figures.at("precision_4"), 100 / 3.0, kTolerance);
  EXPECT_EQ(figures.at("brevity_penalty"), 1);
  EXPECT_NEAR(figures.at("bleu"), 100 * std::pow(5.0 / 6 * 3 / 4 / 3, 0.25), 1e-10);
}

TEST(Bleu, TakesTheClosestLengthTheShorterOfTwo) {
  // 7 tokens; 11, 8 and 6 are 4, 1 and 1 away.
  const auto figures = bleu({{"a b c d e f g", {"a a a a a a a a a a a", "b b b b b b b b", "c c c c c c"}}});
  EXPECT_EQ(figures.at("hypothesis_tokens"), 7);
  EXPECT_EQ(figures.at("reference_tokens"), 6);
  EXPECT_EQ(figures.at("brevity_penalty"), 1);
  const auto short_one = bleu({{"a b c d", {"a b c d e f"}}});
  EXPECT_NEAR(short_one.at("bleu"), 100 * std::exp(1 - 6.0 / 4), 1e-10);
}

TEST(Nist, WeighsNgramsByWhatTheyTell) {
  const std::vector<TextSample> samples{{"a b", {"a b", "a c"}}, {"b", {"a b"}}};
  // References: 6 tokens, a 3, b 2, c 1; "a b" 2, "a c" 1. info(a) = log2(6/3) = 1, info(b) = log2(6/2),
  // info(a b) = log2(3/2). Matches: a, b, b among 3 tokens, "a b" as the only bigram.
  const auto figures = nist(samples);
  EXPECT_NEAR(figures.at("gain_1"), (1 + 2 * std::log2(3)) / 3, kTolerance);
  EXPECT_NEAR(figures.at("gain_2"), std::log2(1.5), kTolerance);
  EXPECT_EQ(figures.at("gain_3"), 0);
  // 3 tokens; the references have 2 on average in each sample, together 4.
  const double penalty = std::exp(-std::log(2) / std::pow(std::log(1.5), 2) * std::pow(std::log(0.75), 2));
  EXPECT_NEAR(figures.at("length_penalty"), penalty, kTolerance);
  EXPECT_NEAR(figures.at("nist"), penalty * ((1 + 2 * std::log2(3)) / 3 + std::log2(1.5)), kTolerance);
}

TEST(Nist, HalvesAtTwoThirdsOfTheLength) {
  EXPECT_NEAR(nist({{"a b", {"a b c", "c d e"}}}).at("length_penalty"), 0.5, kTolerance);
  // References of 2 and 6 tokens have 4 on average.
  EXPECT_EQ(nist({{"a b c d", {"a b", "a b c d e f"}}}).at("length_penalty"), 1);
  EXPECT_EQ(nist({{"A B", {"a b"}}}), nist({{"a b", {"a b"}}})) << "letter case counts";
}

TEST(RougeL, TakesPrecisionAndRecallFromTheirBestReferences) {
  const std::vector<TextSample> samples{{"a b c d", {"a c d e f", "b d"}}, {"x", {"y", ""}}};
  // First sample: "a c d" is 3 of 4 and 3 of 5, "b d" 2 of 4 and 2 of 2: P = 3/4, R = 1, F = 2.44 * 0.75 / (1 + 1.44 *
  // 0.75) = 1.83 / 2.08. Second sample: 0.
  EXPECT_NEAR(rouge_l(samples).at("rouge_l"), 1.83 / 2.08 / 2, kTolerance);
  EXPECT_EQ(rouge_l({{"", {""}}}).at("rouge_l"), 0);
}

TEST(Cider, WeighsByRarityAndPunishesLength) {
  const std::vector<TextSample> samples{{"a b", {"a b"}}, {"c", {"a c"}}};
  // N = 2; "a" is in both samples and weighs ln 2 - ln 2 = 0, all else ln 2. First sample: sim_1 = sim_2 = 1, no longer
  // n-grams: 10 * 2/4. Second: sim_1 = exp(-1/72), as no bigram stands against one; sim_2 = 0: 10/4 * exp(-1/72).
  EXPECT_NEAR(cider(samples).at("cider"), (5 + 2.5 * std::exp(-1.0 / 72)) / 2, kTolerance);
}

TEST(Cider, ClipsRepetition) {
  const std::vector<TextSample> samples{{"b b", {"a b", "x"}}, {"a", {"a y"}}};
  // "b b": weight 2 ln 2 against ln 2, clipped to ln 2 * ln 2 / (2 ln 2 * ln 2) = 1/2, over two references, one of
  // which shares nothing, and four orders. "a" weighs nothing.
  EXPECT_NEAR(cider(samples).at("cider"), 10 * 0.5 / 2 / 4 / 2, kTolerance);
  EXPECT_EQ(cider({{"a b c", {"a b c"}}}).at("cider"), 0) << "one sample tells nothing about rarity";
}

TEST(Tokens, Of13a) {
  EXPECT_EQ(split_13a("$1,000.50 (10-12)."), (Tokens{"$", "1,000.50", "(", "10", "-", "12", ")", "."}));
  EXPECT_EQ(split_13a("It's mid-priced, £20."), (Tokens{"It's", "mid-priced", ",", "£20", "."}));
  EXPECT_EQ(split_13a("&quot;a&amp;b&quot; <skipped>x-\ny"), (Tokens{"\"", "a", "&", "b", "\"", "xy"}));
}

/// Each line as PTBTokenizer of Stanford CoreNLP 3.4.1 with -lowerCase cuts it, less pycocoevalcap's marks.
TEST(Tokens, OfCaptions) {
  const std::vector<std::pair<std::string, std::string>> lines{
      {"I don't think it's 'right' -- they'll say \"can't\", won't, cannot, I'm.",
       "i do n't think it 's right they 'll say ca n't wo n't can not i 'm"},
      {"The price is £20-25, $3.50, €5; less than £20.", "the price is # 20-25 $ 3.50 $ 5 less than # 20"},
      {"A family-friendly, mid-priced café... with a 5 out of 5 rating!",
       "a family-friendly mid-priced café with a 5 out of 5 rating"},
      {"See e.g. the U.S. or Mr. Smith (aged 40).", "see e.g. the u.s. or mr. smith -lrb- aged 40 -rrb-"},
      {"Cocum's menu; the Smiths' table: 3/4 of 1,000 & 20% off [new]",
       "cocum 's menu the smiths table 3/4 of 1,000 & 20 % off -lsb- new -rsb-"},
      {"ends with a “quote” ‘single’ it’s – dash — dash …", "ends with a quote single it 's dash dash"},
      {"It is cheap,but good at 20:30 ?? #1 low.priced", "it is cheap but good at 20:30 ?? # 1 low.priced"},
      {"Isn 't it 's family - friendly .", "isn t it 's family friendly"},
      {"couldn't've he'd've o'clock gonna", "could n't 've he 'd 've o'clock gon na"}};
  for (const auto& [text, tokens] : lines) EXPECT_EQ(split_caption(text), split_words(tokens)) << text;
}

TEST(Registry, ComputesWhatIsAsked) {
  std::vector<TextSample> samples{
      {"the cat sat on the mat", {"the cat sat on the mat .", "a cat"}}, {"", {"x"}}, {"Dogs run", {"dogs run"}}};
  const auto values = compute(text_metric_names(), samples);
  EXPECT_EQ(values.size(), 5u);
  EXPECT_GT(values.at("bleu_lower"), values.at("bleu"));
  for (const auto& [name, value] : values) EXPECT_TRUE(std::isfinite(value) && value > 0) << name;
  std::reverse(samples.begin(), samples.end());
  for (const auto& [name, value] : compute(text_metric_names(), samples))
    EXPECT_NEAR(value, values.at(name), kTolerance) << name;
  EXPECT_EQ(compute({"nist"}, samples).size(), 1u);
}

TEST(Registry, NothingIsZero) {
  for (const auto& samples :
       {std::vector<TextSample>{}, std::vector<TextSample>{{"", {"a b"}}}, std::vector<TextSample>{{"", {""}}}})
    for (const auto& [name, value] : compute(text_metric_names(), samples)) EXPECT_EQ(value, 0) << name;
}

TEST(Registry, Refuses) {
  EXPECT_THROW(compute({"meteor"}, {}), UsageError);
  for (const auto& name : text_metric_names())
    EXPECT_THROW(compute({name}, {{"a", {"a"}}, {"a", {}}}), DataError) << name;
}

}  // namespace
}  // namespace filigree::text_metrics
