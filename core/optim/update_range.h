#pragma once
#include <cstdint>

namespace filigree::optim {

/// How the elements [begin, end) are updated; the ranges cover the buffers in order. Matrices decay; biases, normalization
/// gains and sparse values, all 1-d, and parameters without `decays` do not.
struct UpdateRange {
  int64_t begin = 0;
  int64_t end = 0;
  bool decays = false;
  double lr_scale = 1.0;
};

}  // namespace filigree::optim
