#include "core/train/step_of.h"

#include "core/run/steps.h"

namespace filigree::train {

adapt::Step step_of(const Session& session, const recipe::StageConfig& stage) {
  const int64_t steps = stage.train ? stage_steps(*stage.train, session.train_data.size()) : 1;
  return {session.state.stage_step, steps, stage.method.has_value(), session.mesh->world(), session.mesh->tp()};
}

}  // namespace filigree::train
