#pragma once
// `rewind` of a stage: the model gets the values that it had after an earlier step. Its present shapes and masks stay, so
// that what was pruned since is pruned in the earlier values (the lottery ticket hypothesis, Frankle and Carbin 2019,
// arXiv 1803.03635; for BERT Chen et al. 2020, arXiv 2007.12223).
#include "core/run/session.h"

namespace filigree::train {

/// Replaces the model by a new one: the base model, what the run did to it up to that step, with the values of the pinned
/// checkpoint; then the prunes since, with the present masks. Parameters of methods that were attached since keep their
/// present values. The values do not depend on what the run did in between. Collective.
void rewind(Session& session, const recipe::StageConfig& stage);

}  // namespace filigree::train
