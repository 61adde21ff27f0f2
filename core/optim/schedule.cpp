#include "core/optim/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace filigree::optim {

double Schedule::at(int64_t step) const {
  if (step < warmup) return lr * static_cast<double>(step) / static_cast<double>(std::max<int64_t>(1, warmup));
  if (kind == recipe::LrSchedule::constant) return lr;
  const auto span = static_cast<double>(std::max<int64_t>(1, total - warmup));
  if (kind == recipe::LrSchedule::linear) return lr * std::max(0.0, static_cast<double>(total - step) / span);
  const double progress = static_cast<double>(step - warmup) / span;
  return lr * std::max(0.0, 0.5 * (1.0 + std::cos(std::numbers::pi * progress)));
}

}  // namespace filigree::optim
