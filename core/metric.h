#pragma once
// The metrics of classification and regression (core/metrics/metrics.h computes them): the values of data.metric, and
// of eval.best beside `loss`.
#include <cstdint>

#include "core/enum_names.h"

namespace filigree {

enum class Metric { accuracy, f1, macro_f1, mcc, pearson, spearman };
constexpr std::array<EnumName<Metric>, 6> enum_names(Metric) {
  return {{{Metric::accuracy, "accuracy"},
           {Metric::f1, "f1"},
           {Metric::macro_f1, "macro_f1"},
           {Metric::mcc, "mcc"},
           {Metric::pearson, "pearson"},
           {Metric::spearman, "spearman"}}};
}

/// Whether it compares scores (regression), and not classes.
constexpr bool is_of_scores(Metric metric) { return metric == Metric::pearson || metric == Metric::spearman; }

/// Whether it is defined for a classification with this number of classes. f1 is that of class 1 against class 0.
constexpr bool is_for_classes(Metric metric, int64_t classes) { return metric != Metric::f1 || classes == 2; }

}  // namespace filigree
