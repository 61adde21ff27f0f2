#pragma once
// Evaluates the session's splits, writes the eval lines, and keeps the best metric of the run.
#include <string>

#include "core/run/session.h"
#include "core/train/evaluate.h"

namespace filigree::train {

EvalOptions eval_options(const Session& session);

/// Collective. compete: whether this evaluation may become the run's best. The first split's metric named by eval.best
/// (else the task's first) decides. Returns true when it is the best so far.
bool evaluate_and_log(Session& session, const std::string& stage, bool compete);

}  // namespace filigree::train
