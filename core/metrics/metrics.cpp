#include "core/metrics/metrics.h"

#include <ATen/ops/argmax.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/mul.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "core/error.h"

namespace filigree::train {
namespace {

size_t index(int64_t i) { return static_cast<size_t>(i); }

double ratio(double part, double whole) { return whole == 0 ? 0 : part / whole; }

/// Labels per class, predictions per class, and how many agree.
struct Margins {
  std::vector<double> labels, predictions, right;
  double total = 0, agree = 0;
};

Margins margins(const Confusion& confusion) {
  const auto n = index(confusion.classes);
  Margins m{std::vector<double>(n), std::vector<double>(n), std::vector<double>(n)};
  for (size_t label = 0; label < n; ++label) {
    for (size_t prediction = 0; prediction < n; ++prediction) {
      const auto count = static_cast<double>(confusion.counts[label * n + prediction]);
      m.labels[label] += count;
      m.predictions[prediction] += count;
      m.total += count;
      if (label == prediction) m.right[label] = count;
    }
    m.agree += m.right[label];
  }
  return m;
}

/// sqrt(a b). The square of the root of a number may differ from it in the last bit: a perfect prediction must get 1.
double geometric_mean(double a, double b) { return a == b ? a : std::sqrt(a) * std::sqrt(b); }

double class_f1(const Margins& m, size_t c) { return ratio(2 * m.right[c], m.labels[c] + m.predictions[c]); }

/// 1-based ranks; equal values get the mean of their ranks.
std::vector<double> average_ranks(std::span<const double> values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (size_t begin = 0; begin < order.size();) {
    size_t end = begin + 1;
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    for (size_t i = begin; i < end; ++i) ranks[order[i]] = (static_cast<double>(begin + end) + 1) / 2;
    begin = end;
  }
  return ranks;
}

std::vector<double> to_doubles(const at::Tensor& tensor) {
  const auto values = tensor.detach().to(at::kCPU, at::kDouble).contiguous();
  const double* begin = values.const_data_ptr<double>();
  return {begin, begin + values.numel()};
}

}  // namespace

Confusion::Confusion(int64_t number) : classes(number), counts(index(number * number)) {}

int64_t Confusion::at(int64_t label, int64_t prediction) const {
  return counts.at(index(label * classes + prediction));
}

double accuracy(const Confusion& confusion) {
  const auto m = margins(confusion);
  return ratio(m.agree, m.total);
}

double f1(const Confusion& confusion, int64_t positive) {
  FG_CHECK(positive >= 0 && positive < confusion.classes, "class {} of {}", positive, confusion.classes);
  return class_f1(margins(confusion), index(positive));
}

double macro_f1(const Confusion& confusion) {
  const auto m = margins(confusion);
  double sum = 0, present = 0;
  for (size_t c = 0; c < m.labels.size(); ++c) {
    if (m.labels[c] + m.predictions[c] == 0) continue;
    sum += class_f1(m, c);
    ++present;
  }
  return ratio(sum, present);
}

double mcc(const Confusion& confusion) {
  const auto m = margins(confusion);
  double labels_by_predictions = 0, labels_squared = 0, predictions_squared = 0;
  for (size_t c = 0; c < m.labels.size(); ++c) {
    labels_by_predictions += m.labels[c] * m.predictions[c];
    labels_squared += m.labels[c] * m.labels[c];
    predictions_squared += m.predictions[c] * m.predictions[c];
  }
  const double covariance = m.agree * m.total - labels_by_predictions;
  return ratio(covariance, geometric_mean(m.total * m.total - labels_squared, m.total * m.total - predictions_squared));
}

double pearson(std::span<const double> a, std::span<const double> b) {
  FG_CHECK(a.size() == b.size(), "{} and {} values", a.size(), b.size());
  const auto n = static_cast<double>(a.size());
  if (a.size() < 2) return 0;
  const double mean_a = std::accumulate(a.begin(), a.end(), 0.0) / n,
               mean_b = std::accumulate(b.begin(), b.end(), 0.0) / n;
  double aa = 0, bb = 0, ab = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    aa += (a[i] - mean_a) * (a[i] - mean_a);
    bb += (b[i] - mean_b) * (b[i] - mean_b);
    ab += (a[i] - mean_a) * (b[i] - mean_b);
  }
  // The mean of a constant may have a rounding error, which must not count as variance.
  const auto constant = [](std::span<const double> v) {
    return std::all_of(v.begin(), v.end(), [&](double x) { return x == v[0]; });
  };
  if (constant(a) || constant(b)) return 0;
  return std::clamp(ratio(ab, geometric_mean(aa, bb)), -1.0, 1.0);
}

double spearman(std::span<const double> a, std::span<const double> b) {
  FG_CHECK(a.size() == b.size(), "{} and {} values", a.size(), b.size());
  const auto ranks_a = average_ranks(a), ranks_b = average_ranks(b);
  return pearson(ranks_a, ranks_b);
}

MetricSet::MetricSet(std::vector<Metric> metrics, bool regression, int64_t classes)
    : metrics_(std::move(metrics)), regression_(regression), confusion_(regression ? 0 : classes) {
  for (const Metric metric : metrics_) {
    if (is_of_scores(metric) != regression_)
      throw UsageError(fmt::format("data.metric: {} is for {}, but this task is {}", enum_name(metric),
                                   is_of_scores(metric) ? "regression" : "classification",
                                   regression_ ? "regression" : "classification"));
    if (!regression_ && !is_for_classes(metric, classes))
      throw UsageError(fmt::format("data.metric: f1 is for two classes, but this task has {}; use macro_f1", classes));
  }
}

void MetricSet::add(const at::Tensor& logits, const at::Tensor& labels) {
  FG_CHECK(logits.size(0) == labels.size(0), "{} rows of logits, {} labels", logits.size(0), labels.size(0));
  samples_ += labels.size(0);
  if (labels.size(0) == 0) return;
  if (regression_) {
    const auto p = to_doubles(logits), l = to_doubles(labels);
    predictions_.insert(predictions_.end(), p.begin(), p.end());
    labels_.insert(labels_.end(), l.begin(), l.end());
    return;
  }
  FG_CHECK(logits.dim() == 2 && logits.size(1) == confusion_.classes, "{} logits for {} classes", logits.size(-1),
           confusion_.classes);
  const auto cells = labels.to(at::kLong).mul(confusion_.classes).add(logits.argmax(1)).cpu();
  const int64_t* cell = cells.const_data_ptr<int64_t>();
  for (int64_t i = 0; i < cells.numel(); ++i) ++confusion_.counts.at(index(cell[i]));
}

void MetricSet::gather(dist::Communicator& ranks, Confusion& confusion,
                       std::vector<std::pair<double, double>>& pairs) const {
  if (!regression_) {
    ranks.all_reduce(
        at::from_blob(confusion.counts.data(), {static_cast<int64_t>(confusion.counts.size())}, at::kLong));
    return;
  }
  std::vector<double> own(predictions_.size() * 2);
  for (size_t i = 0; i < predictions_.size(); ++i) own[2 * i] = labels_[i], own[2 * i + 1] = predictions_[i];
  const auto rows = at::from_blob(own.data(), {static_cast<int64_t>(predictions_.size()), 2}, at::kDouble);
  for (const auto& part : ranks.all_gather_ragged(rows)) {
    const auto values = to_doubles(part);
    for (size_t i = 0; i + 1 < values.size(); i += 2) pairs.emplace_back(values[i], values[i + 1]);
  }
  // A sum in double depends on the order of the pairs, and that order depends on the ranks.
  std::sort(pairs.begin(), pairs.end());
}

std::map<std::string, double> MetricSet::compute(dist::Communicator& ranks) const {
  Confusion confusion = confusion_;
  std::vector<std::pair<double, double>> pairs;
  gather(ranks, confusion, pairs);
  std::vector<double> labels, predictions;
  for (const auto& [label, prediction] : pairs) labels.push_back(label), predictions.push_back(prediction);
  std::map<std::string, double> values;
  const auto value_of = [&](Metric metric) {
    switch (metric) {
      case Metric::accuracy:
        return accuracy(confusion);
      case Metric::f1:
        return f1(confusion);
      case Metric::macro_f1:
        return macro_f1(confusion);
      case Metric::mcc:
        return mcc(confusion);
      case Metric::pearson:
        return pearson(predictions, labels);
      case Metric::spearman:
        return spearman(predictions, labels);
    }
    return 0.0;
  };
  for (const Metric metric : metrics_) values[std::string(enum_name(metric))] = value_of(metric);
  return values;
}

}  // namespace filigree::train
