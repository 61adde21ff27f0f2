#include "core/run/steps.h"

#include <algorithm>
#include <cmath>

#include "core/recipe/range.h"

namespace filigree::train {

int64_t stage_steps(const recipe::TrainConfig& config, int64_t samples) {
  if (config.max_steps > 0) return config.max_steps;
  const int64_t per_epoch = (samples - 1) / config.batch_size + 1;
  const double steps = std::ceil(config.epochs * static_cast<double>(per_epoch));
  return static_cast<int64_t>(std::clamp(steps, 1.0, recipe::kMostSteps));
}

int64_t round_step(const recipe::PruneConfig& config, int64_t round, int64_t total_steps) {
  return round * (total_steps * 3 / 4) / std::max<int64_t>(1, config.steps);
}

}  // namespace filigree::train
