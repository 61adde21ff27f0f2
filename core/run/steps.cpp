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

int64_t scoring_batch_size(const recipe::Recipe& recipe, int64_t stage) {
  constexpr int64_t kWithoutTraining = 32;
  const auto begin = recipe.stages.begin(), here = begin + stage + 1;
  if (const int64_t given = recipe.stages.at(static_cast<size_t>(stage)).prune->batch_size; given > 0) return given;
  const auto trains = [](const recipe::StageConfig& other) { return other.train.has_value(); };
  const auto before = std::find_if(std::make_reverse_iterator(here), recipe.stages.rend(), trains);
  if (before != recipe.stages.rend()) return before->train->batch_size;
  const auto after = std::find_if(here, recipe.stages.end(), trains);
  return after == recipe.stages.end() ? kWithoutTraining : after->train->batch_size;
}

}  // namespace filigree::train
