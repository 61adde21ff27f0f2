// Metrics against scikit-learn and SciPy, and their independence of the number of ranks.
#include "core/metrics/metrics.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/one_hot.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <fstream>
#include <mutex>
#include <numeric>

#include "core/error.h"
#include "dist/factory.h"

namespace filigree::train {
namespace {

constexpr double kTolerance = 1e-12;

class MetricsReference : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string path = FILIGREE_BINARY_DIR "/train_reference/metrics.json";
    std::ifstream in(path);
    if (!in) GTEST_SKIP() << path << " is missing; ctest makes it with scikit-learn (test metrics_reference)";
    reference_ = nlohmann::json::parse(in);
  }
  nlohmann::json reference_;
};

at::Tensor as_logits(const std::vector<int64_t>& predictions, int64_t classes) {
  return at::one_hot(at::tensor(predictions, at::kLong), classes).to(at::kFloat);
}

TEST_F(MetricsReference, ClassificationAgrees) {
  int compared = 0;
  auto single = dist::make_single();
  for (const auto& item : reference_["classification"]) {
    const int64_t classes = item["classes"];
    const auto labels = item["labels"].get<std::vector<int64_t>>();
    std::vector<Metric> metrics{Metric::accuracy, Metric::macro_f1, Metric::mcc};
    if (classes == 2) metrics.push_back(Metric::f1);
    MetricSet set(metrics, false, classes);
    set.add(as_logits(item["predictions"], classes), at::tensor(labels, at::kLong));
    for (const auto& [name, value] : set.compute(*single)) {
      EXPECT_NEAR(value, item[name].get<double>(), kTolerance)
          << name << ", " << classes << " classes, " << labels.size() << " samples";
      ++compared;
    }
  }
  EXPECT_GT(compared, 90);
}

TEST_F(MetricsReference, RegressionAgrees) {
  int compared = 0;
  for (const auto& item : reference_["regression"]) {
    const auto labels = item["labels"].get<std::vector<double>>(),
               predictions = item["predictions"].get<std::vector<double>>();
    EXPECT_NEAR(pearson(predictions, labels), item["pearson"].get<double>(), kTolerance) << item.dump().substr(0, 200);
    EXPECT_NEAR(spearman(predictions, labels), item["spearman"].get<double>(), kTolerance)
        << item.dump().substr(0, 200);
    ++compared;
  }
  EXPECT_GT(compared, 15);
}

/// Samples rank, rank + ranks, … of the labels: the last ranks may have none.
template <class Type>
std::vector<Type> own_part(const std::vector<Type>& all, int rank, int ranks) {
  std::vector<Type> own;
  for (size_t i = static_cast<size_t>(rank); i < all.size(); i += static_cast<size_t>(ranks)) own.push_back(all[i]);
  return own;
}

/// The metrics as every one of `ranks` ranks computes them.
std::vector<std::map<std::string, double>> on_ranks(int ranks, const std::function<MetricSet(int rank)>& make) {
  std::vector<std::map<std::string, double>> values(static_cast<size_t>(ranks));
  dist::run_threads(ranks, [&](dist::Communicator& comm) {
    values[static_cast<size_t>(comm.rank())] = make(comm.rank()).compute(comm);
  });
  return values;
}

TEST(Metrics, EachSampleCountsOnceOnAnyNumberOfRanks) {
  const std::vector<int64_t> labels{0, 1, 2, 2, 1, 0, 1}, predictions{0, 1, 1, 2, 1, 2, 0};
  const auto make = [&](int ranks) {
    return [&, ranks](int rank) {
      MetricSet set({Metric::accuracy, Metric::macro_f1, Metric::mcc}, false, 3);
      const auto own = own_part(labels, rank, ranks);
      if (!own.empty()) set.add(as_logits(own_part(predictions, rank, ranks), 3), at::tensor(own, at::kLong));
      return set;
    };
  };
  const auto one = on_ranks(1, make(1)).front();
  EXPECT_DOUBLE_EQ(one.at("accuracy"), 4.0 / 7);
  for (int ranks : {2, 3, 4, 9})
    for (const auto& values : on_ranks(ranks, make(ranks))) EXPECT_EQ(values, one) << ranks << " ranks";
}

TEST(Metrics, RegressionIsTheSameToTheBitOnAnyNumberOfRanks) {
  std::vector<double> labels, predictions;
  for (int i = 0; i < 101; ++i) labels.push_back(i % 17 * 0.3), predictions.push_back((i * 37 % 101) / 7.0);
  const auto make = [&](int ranks) {
    return [&, ranks](int rank) {
      MetricSet set({Metric::pearson, Metric::spearman}, true, 1);
      const auto own = own_part(labels, rank, ranks);
      set.add(at::tensor(own_part(predictions, rank, ranks), at::kDouble).unsqueeze(1), at::tensor(own, at::kDouble));
      return set;
    };
  };
  const auto one = on_ranks(1, make(1)).front();
  for (int ranks : {2, 4, 7})
    for (const auto& values : on_ranks(ranks, make(ranks))) EXPECT_EQ(values, one) << ranks << " ranks";
}

TEST(Metrics, NothingSeenIsZero) {
  auto single = dist::make_single();
  for (const auto& [name, value] :
       MetricSet({Metric::accuracy, Metric::f1, Metric::macro_f1, Metric::mcc}, false, 2).compute(*single))
    EXPECT_EQ(value, 0) << name;
  for (const auto& [name, value] : MetricSet({Metric::pearson, Metric::spearman}, true, 1).compute(*single))
    EXPECT_EQ(value, 0) << name;
}

// The square of the root of some counts is not the count in floating point.
TEST(Metrics, PerfectPredictionsGetExactlyOne) {
  for (int64_t ones = 1; ones < 60; ++ones) {
    for (int64_t zeros = 1; zeros < 60; ++zeros) {
      Confusion confusion(2);
      confusion.counts = {zeros, 0, 0, ones};
      ASSERT_EQ(mcc(confusion), 1.0) << zeros << " and " << ones;
      confusion.counts = {0, zeros, ones, 0};
      if (zeros == ones) {
        ASSERT_EQ(mcc(confusion), -1.0) << zeros;
      }
    }
  }
  for (int count = 2; count < 60; ++count) {
    std::vector<double> values;
    for (int i = 0; i < count; ++i) values.push_back(0.1 * i * i);
    ASSERT_EQ(pearson(values, values), 1.0) << count;
    ASSERT_EQ(spearman(values, values), 1.0) << count;
  }
}

TEST(Metrics, RefusesAMetricThatDoesNotFit) {
  EXPECT_THROW(MetricSet({Metric::pearson}, false, 2), UsageError);
  EXPECT_THROW(MetricSet({Metric::accuracy}, true, 1), UsageError);
  EXPECT_THROW(MetricSet({Metric::f1}, false, 3), UsageError);
}

}  // namespace
}  // namespace filigree::train
