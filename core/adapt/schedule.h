#pragma once
// How a share of zeros, a threshold or a budget changes over the steps of a stage.
#include <cstdint>

namespace filigree::adapt {

struct Cubic {
  double from = 0, to = 1;
  double warmup = 0;  ///< share of the steps at the start, with `from`
  double hold = 0;    ///< share of the steps at the end, with `to`
};

/// to + (from - to) (1 - (t - t0) / (t1 - t0))^3 with t = `step` updates done of `steps`, t0 = warmup * steps and t1 =
/// (1 - hold) * steps; `from` up to t0, `to` after t1 (Zhu and Gupta 2017, arXiv 1710.01878; PST's schedule).
double cubic(int64_t step, int64_t steps, const Cubic& curve);

}  // namespace filigree::adapt
