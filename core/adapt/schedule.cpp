#include "core/adapt/schedule.h"

#include <cmath>

namespace filigree::adapt {

double cubic(int64_t step, int64_t steps, const Cubic& curve) {
  const auto t = static_cast<double>(step), all = static_cast<double>(steps);
  const double begin = curve.warmup * all, end = (1 - curve.hold) * all;
  if (t <= begin && begin < end) return curve.from;
  if (t > end || begin >= end) return curve.to;
  return curve.to + (curve.from - curve.to) * std::pow(1 - (t - begin) / (end - begin), 3);
}

}  // namespace filigree::adapt
