#pragma once
// Evaluates the session's splits, writes the eval records, and keeps the best metric.
#include <functional>
#include <string>

#include "core/run/session.h"
#include "core/train/evaluate.h"

namespace filigree::train {

EvalOptions eval_options(const Session& session);

/// Collective. compete: whether this evaluation may become the best. The first split's metric named by eval.best
/// (else the task's first) decides. Returns true if it is the best so far.
///
/// An evaluation whose loss is not finite throws, and leaves a record with a loss of null. before_failure: called before
/// that record is written, except if the model has diverged. What it saves does not contain the record, so that a run
/// that resumes there and repeats the evaluation has one record of it.
bool evaluate_and_log(Session& session, const std::string& stage, bool compete,
                      const std::function<void()>& before_failure = {});

}  // namespace filigree::train
