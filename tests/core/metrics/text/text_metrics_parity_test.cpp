// BLEU and its tokens against sacrebleu; NIST, ROUGE-L and CIDEr against the same formulas written out in Python.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <fstream>

#include "core/metrics/text/bleu.h"
#include "core/metrics/text/cider.h"
#include "core/metrics/text/nist.h"
#include "core/metrics/text/registry.h"
#include "core/metrics/text/rouge_l.h"

namespace filigree::text_metrics {
namespace {

constexpr double kTolerance = 1e-9;

class TextMetricsReference : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string path = FILIGREE_BINARY_DIR "/text_metrics_reference/cases.json";
    std::ifstream in(path);
    if (!in) GTEST_SKIP() << path << " is missing; ctest makes it with sacrebleu (test text_metrics_reference)";
    reference_ = nlohmann::json::parse(in);
  }
  nlohmann::json reference_;
};

std::vector<TextSample> samples_of(const nlohmann::json& corpus) {
  std::vector<TextSample> samples;
  for (const auto& sample : corpus["samples"]) samples.push_back({sample["hypothesis"], sample["references"]});
  return samples;
}

void expect_figures(const MetricValues& figures, const nlohmann::json& expected, const std::string& which) {
  EXPECT_EQ(figures.size(), expected.size()) << which;
  for (const auto& [name, value] : figures)
    EXPECT_NEAR(value, expected.at(name).get<double>(), kTolerance) << which << ", " << name;
}

TEST_F(TextMetricsReference, BleuAgreesWithSacrebleu) {
  size_t compared = 0;
  for (const auto& corpus : reference_["corpora"]) {
    const auto samples = samples_of(corpus);
    const auto number = std::to_string(compared++);
    expect_figures(bleu(samples), corpus["bleu"], "13a, corpus " + number);
    expect_figures(bleu(samples, {Tokenization::mteval_13a, Case::lower}), corpus["bleu_lower"],
                   "lower case, " + number);
    expect_figures(bleu(samples, {Tokenization::words, Case::kept}), corpus["bleu_words"], "words, " + number);
  }
  EXPECT_GT(compared, 40u);
}

TEST_F(TextMetricsReference, NistRougeAndCiderAgree) {
  double nist_sum = 0, rouge_sum = 0, cider_sum = 0;
  size_t number = 0;
  for (const auto& corpus : reference_["corpora"]) {
    const auto samples = samples_of(corpus);
    const auto expect = [&](const std::string& name, double value) {
      EXPECT_NEAR(value, corpus[name].get<double>(), kTolerance) << name << ", corpus " << number;
      return value;
    };
    nist_sum += expect("nist", nist(samples).at("nist"));
    rouge_sum += expect("rouge_l", rouge_l(samples).at("rouge_l"));
    cider_sum += expect("cider", cider(samples).at("cider"));
    expect("rouge_l_words", rouge_l(samples, Tokenization::words).at("rouge_l"));
    expect("cider_words", cider(samples, Tokenization::words).at("cider"));
    ++number;
  }
  EXPECT_GT(number, 40u);
  for (const double sum : {nist_sum, rouge_sum, cider_sum}) EXPECT_GT(sum, 1) << "nothing but zeros was compared";
}

TEST_F(TextMetricsReference, TokensAgree) {
  size_t compared = 0;
  for (const auto& line : reference_["lines"]) {
    const auto text = line["text"].get<std::string>();
    EXPECT_EQ(split_13a(text), line["13a"].get<Tokens>()) << line["text"];
    EXPECT_EQ(split_words(text), line["words"].get<Tokens>()) << line["text"];
    EXPECT_EQ(lower(text), line["lower"].get<std::string>()) << line["text"];
    ++compared;
  }
  EXPECT_GT(compared, 3000u);
  for (const auto& line : reference_["captions"])
    EXPECT_EQ(split_caption(line["text"].get<std::string>()), line["tokens"].get<Tokens>()) << line["text"];
}

}  // namespace
}  // namespace filigree::text_metrics
