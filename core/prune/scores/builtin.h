#pragma once
// The scores of this folder, each in the file of its name.
#include "core/prune/scores/score.h"

namespace filigree::prune {

ScorePtr magnitude_score();        ///< |W0|
ScorePtr delta_score();            ///< |D|
ScorePtr magnitude_delta_score();  ///< |W0| + |D|
ScorePtr merged_score();           ///< |W0 + D|
ScorePtr l1_score();               ///< a coefficient per unit, trained with an l1 penalty (coefficients.h)
ScorePtr taylor_score();           ///< sum over batches of |g w| (taylor_importance.h)
ScorePtr gates_score();            ///< the gate of each unit (core/nn/column_gates.h)
ScorePtr live_score();             ///< number of nonzero entries of the unit's output matrix
ScorePtr random_score();           ///< uniform, by name and index

}  // namespace filigree::prune
