#pragma once
// Learning rate as a function of the step (0-based, before the update) and the total: linear decay to 0, half cosine to
// 0, or constant, each after a linear warm-up. The values equal those of
// get_{linear,cosine,constant}_schedule_with_warmup in transformers.
#include <cstdint>

#include "core/recipe/choices.h"

namespace filigree::optim {

struct Schedule {
  recipe::LrSchedule kind = recipe::LrSchedule::linear;
  double lr = 1e-3;
  int64_t warmup = 0;  ///< steps
  int64_t total = 1;   ///< steps
  double at(int64_t step) const;
};

}  // namespace filigree::optim
