#pragma once
// Task metrics, as scikit-learn and SciPy define them, in double precision.
//
//   accuracy   correct / all
//   f1         of class 1 against the rest: 2 TP / (2 TP + FP + FN)
//   macro_f1   mean of the per-class F1 over the classes that occur among labels or predictions
//   mcc        Matthews' correlation, from the confusion matrix (Gorodkin 2004 for more than two classes)
//   pearson, spearman   correlation of predictions and labels; ties get their average rank
//
// An undefined metric (nothing predicted, only one class, constant predictions) is 0, even if SciPy returns
// nan.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/metric.h"
#include "dist/communicator.h"

namespace filigree::train {

/// counts[label * classes + prediction].
struct Confusion {
  int64_t classes = 0;
  std::vector<int64_t> counts;

  explicit Confusion(int64_t classes);
  int64_t at(int64_t label, int64_t prediction) const;
};

double accuracy(const Confusion& confusion);
double f1(const Confusion& confusion, int64_t positive = 1);
double macro_f1(const Confusion& confusion);
double mcc(const Confusion& confusion);
double pearson(std::span<const double> a, std::span<const double> b);
double spearman(std::span<const double> a, std::span<const double> b);

/// Collects the predictions of one rank; compute() combines those of all ranks. The result does not depend on
/// the number of ranks or on the order of the samples.
class MetricSet {
 public:
  /// classes: number of labels of a classification task. Throws UsageError if a metric does not fit the task.
  MetricSet(std::vector<Metric> metrics, bool regression, int64_t classes);

  /// logits: [B, classes], labels: int64 [B]; regression: [B, 1] or [B] and float [B]. B may be 0.
  void add(const at::Tensor& logits, const at::Tensor& labels);

  /// The values by name. Collective; a rank may hold no samples. Returns the same values on every rank.
  std::map<std::string, double> compute(dist::Communicator& ranks) const;
  int64_t samples() const { return samples_; }  ///< of this rank

 private:
  void gather(dist::Communicator& ranks, Confusion& confusion, std::vector<std::pair<double, double>>& pairs) const;

  std::vector<Metric> metrics_;
  bool regression_;
  Confusion confusion_;
  std::vector<double> predictions_, labels_;  ///< regression only
  int64_t samples_ = 0;
};

}  // namespace filigree::train
