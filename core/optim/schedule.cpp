#include "core/optim/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/error.h"

namespace filigree::optim {

ScheduleKind schedule_from(const std::string& name) {
  if (name == "linear") return ScheduleKind::linear;
  if (name == "cosine") return ScheduleKind::cosine;
  if (name == "constant") return ScheduleKind::constant;
  throw UsageError(fmt::format("schedule: unknown schedule '{}'; use one of linear, cosine, constant", name));
}

double Schedule::at(int64_t step) const {
  if (step < warmup) return lr * static_cast<double>(step) / static_cast<double>(std::max<int64_t>(1, warmup));
  if (kind == ScheduleKind::constant) return lr;
  const auto span = static_cast<double>(std::max<int64_t>(1, total - warmup));
  if (kind == ScheduleKind::linear) return lr * std::max(0.0, static_cast<double>(total - step) / span);
  const double progress = static_cast<double>(step - warmup) / span;
  return lr * std::max(0.0, 0.5 * (1.0 + std::cos(std::numbers::pi * progress)));
}

}  // namespace filigree::optim
