#include "core/prune/schedule.h"

#include <cmath>

namespace filigree::prune {

double part_removed(const recipe::PruneConfig& config, int64_t rounds) {
  const double part = static_cast<double>(rounds) / static_cast<double>(config.steps);
  return config.schedule == recipe::PruneSchedule::cubic ? 1.0 - std::pow(1.0 - part, 3) : part;
}

}  // namespace filigree::prune
