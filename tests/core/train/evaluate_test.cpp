// Evaluation over ranks against sums over single samples: each sample counts once, on any number of ranks and with any
// batch size.
//
// labels: unit
#include "core/train/evaluate.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/full.h>
#include <ATen/ops/max.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <string>
#include <vector>

#include "core/error.h"
#include "dist/factory.h"
#include "tests/support/compare.h"
#include "tests/support/toy_dataset.h"
#include "tests/support/toy_model.h"

namespace filigree::train {
namespace {

using test::max_difference;
using test::toy_batch;
using test::ToyModel;

constexpr int64_t kSamples = 11;

/// A toy that notes the samples of each pass.
class Noting final : public ToyModel {
 public:
  nn::Output forward(const data::Batch& batch, const nn::ForwardContext& context) override {
    passes.push_back(batch.samples);
    EXPECT_FALSE(context.training);
    EXPECT_FALSE(at::GradMode::is_enabled());
    return ToyModel::forward(batch, context);
  }
  std::vector<std::vector<int64_t>> passes;
};

/// -log softmax(logits)[label] and whether the largest logit is the label's, sample by sample.
struct Expected {
  double loss = 0, accuracy = 0;
  at::Tensor logits = at::zeros({kSamples, 3}, at::kFloat);
  Expected() {
    ToyModel model;
    for (int64_t sample = 0; sample < kSamples; ++sample) {
      const data::Batch batch = toy_batch({sample});
      const at::Tensor row = test::logits(model, batch)[0];
      logits[sample].copy_(row);
      const int64_t label = batch.labels[0].item<int64_t>();
      double sum = 0;
      int64_t best = 0;
      for (int64_t c = 0; c < 3; ++c) {
        sum += std::exp(row[c].item<double>());
        if (row[c].item<double>() > row[best].item<double>()) best = c;
      }
      loss += (std::log(sum) - row[label].item<double>()) / kSamples;
      accuracy += (best == label ? 1.0 : 0.0) / kSamples;
    }
  }
};

struct Case {
  int ranks;
  int64_t batch_size;
};

class Evaluate : public testing::TestWithParam<Case> {};

TEST_P(Evaluate, CountsEachSampleOnce) {
  const Expected expected;
  std::mutex mutex;
  std::vector<int64_t> seen;
  dist::run_threads(GetParam().ranks, [&](dist::Communicator& dp) {
    Noting model;
    const EvalResult result = evaluate(model, test::toy_dataset(kSamples), {.batch_size = GetParam().batch_size}, dp);
    const std::lock_guard lock(mutex);
    EXPECT_EQ(result.samples, kSamples);
    EXPECT_NEAR(result.loss, expected.loss, 1e-5);
    EXPECT_NEAR(result.metrics.at("accuracy"), expected.accuracy, 1e-12);
    for (const std::vector<int64_t>& samples : model.passes) {
      EXPECT_LE(static_cast<int64_t>(samples.size()), GetParam().batch_size);
      seen.insert(seen.end(), samples.begin(), samples.end());
    }
  });
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(seen, test::all_samples(kSamples));
}

TEST_P(Evaluate, LogitsAreInTheOrderOfTheSamplesOnEveryRank) {
  const Expected expected;
  dist::run_threads(GetParam().ranks, [&](dist::Communicator& dp) {
    ToyModel model;
    const at::Tensor logits = all_logits(model, test::toy_dataset(kSamples), {.batch_size = GetParam().batch_size}, dp);
    ASSERT_EQ(logits.sizes(), expected.logits.sizes());
    EXPECT_LE(max_difference(logits, expected.logits), 1e-5 * expected.logits.abs().max().item<double>());
  });
}

/// Passes that gather weights are collective: all ranks run the same number, and the extra ones do not count.
TEST_P(Evaluate, RanksThatJoinCollectivesRunEquallyManyPasses) {
  const Expected expected;
  std::mutex mutex;
  std::vector<size_t> passes;
  dist::run_threads(GetParam().ranks, [&](dist::Communicator& dp) {
    Noting model;
    const EvalOptions options{.batch_size = GetParam().batch_size, .joins_collectives = true};
    const EvalResult result = evaluate(model, test::toy_dataset(kSamples), options, dp);
    const std::lock_guard lock(mutex);
    EXPECT_NEAR(result.loss, expected.loss, 1e-5);
    EXPECT_NEAR(result.metrics.at("accuracy"), expected.accuracy, 1e-12);
    passes.push_back(model.passes.size());
  });
  const int64_t most = (kSamples - 1) / GetParam().ranks + 1;  // samples of the first rank
  EXPECT_EQ(passes, std::vector<size_t>(static_cast<size_t>(GetParam().ranks),
                                        static_cast<size_t>((most - 1) / GetParam().batch_size + 1)));
}

INSTANTIATE_TEST_SUITE_P(RanksAndBatches, Evaluate,
                         testing::Values(Case{1, 4}, Case{2, 5}, Case{3, 1}, Case{4, 2}, Case{4, 64}),
                         [](const auto& row) {
                           return std::to_string(row.param.ranks) + "x" + std::to_string(row.param.batch_size);
                         });

TEST(EvaluateErrors, NamesTheSplitOfALossThatIsNotFinite) {
  dist::run_threads(2, [](dist::Communicator& dp) {
    ToyModel model;
    model.parameters().at("classifier.bias").value()[1] = std::numeric_limits<float>::infinity();
    try {
      evaluate(model, test::toy_dataset(kSamples), {}, dp);
      ADD_FAILURE() << "an infinite logit";
    } catch (const DivergedError& error) {
      EXPECT_NE(std::string(error.what()).find("'dev' is not finite in any of 11 samples (the first: toy.tsv:2): "),
                std::string::npos)
          << error.what();
    }
    EXPECT_THROW(all_logits(model, test::toy_dataset(kSamples), {}, dp), DataError);
  });
}

/// Samples 3 and 7 alone have a logit that is not finite: their numbers are named, not a diverged model.
TEST(EvaluateErrors, NamesTheSamplesOfALossThatIsNotFinite) {
  dist::run_threads(2, [](dist::Communicator& dp) {
    ToyModel model;
    data::Dataset dataset = test::toy_dataset(kSamples);
    std::ranges::replace(dataset.ids, 19, 18);
    for (const size_t sample : {size_t{3}, size_t{7}}) dataset.ids[static_cast<size_t>(dataset.offsets[sample])] = 19;
    model.parameters().at("bert.embeddings.word_embeddings.weight").value().detach()[19] =
        std::numeric_limits<float>::infinity();
    try {
      evaluate(model, dataset, {.batch_size = 4}, dp);
      ADD_FAILURE() << "infinite logits";
    } catch (const DivergedError& error) {
      ADD_FAILURE() << error.what();
    } catch (const DataError& error) {
      EXPECT_NE(std::string(error.what()).find("'dev' is not finite in 2 of 11 samples (toy.tsv:5, 9)"),
                std::string::npos)
          << error.what();
    }
  });
}

/// A language model whose tokens have a loss of 0.5 each, except in samples of an odd number, which have none.
class HalfLoss final : public ToyModel {
 public:
  explicit HalfLoss(bool silent = false) : silent_(silent) {}
  Task task() const override { return Task::causal_lm; }
  nn::Output forward(const data::Batch& batch, const nn::ForwardContext&) override {
    nn::Output output;
    for (size_t b = 0; b < batch.samples.size(); ++b)
      if (batch.samples[b] % 2 == 0 && !silent_) output.count += batch.offsets[b + 1] - batch.offsets[b];
    output.loss_sum = at::full({}, 0.5 * static_cast<double>(output.count), at::kFloat);
    return output;
  }

 private:
  bool silent_;
};

TEST(EvaluateTokens, LossIsPerTokenAndPerplexityIsItsExponential) {
  data::Dataset dataset = test::toy_dataset(kSamples);
  dataset.metrics = {};
  dist::run_threads(3, [&](dist::Communicator& dp) {
    HalfLoss model;
    const EvalResult result = evaluate(model, dataset, {.batch_size = 2}, dp);
    EXPECT_NEAR(result.loss, 0.5, 1e-6);
    EXPECT_NEAR(result.metrics.at("perplexity"), std::exp(0.5), 1e-6);
    HalfLoss silent(true);
    EXPECT_THROW(evaluate(silent, dataset, {}, dp), DataError) << "no token has a loss";
  });
}

}  // namespace
}  // namespace filigree::train
