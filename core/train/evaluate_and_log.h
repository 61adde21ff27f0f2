#pragma once
// Evaluates the session's splits, writes the eval records, and keeps the best metric.
#include <string>

#include "core/run/session.h"
#include "core/train/evaluate.h"

namespace filigree::train {

EvalOptions eval_options(const Session& session);

/// Collective. compete: whether this evaluation may become the best. The first split's metric named by eval.best
/// (else the task's first) decides. Returns true if it is the best so far.
bool evaluate_and_log(Session& session, const std::string& stage, bool compete);

}  // namespace filigree::train
