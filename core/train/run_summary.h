#pragma once
// What a run logs at its start and end.
#include <vector>

#include "core/log/records.h"
#include "core/run/session.h"
#include "core/train/trainer.h"

namespace filigree::train {

/// Logs ranks, device, model, data, the stages with their steps, and the checkpoint that the run resumes from. Records a
/// pruned model that the run begins with. Collective.
void describe_start(Session& session, const checkpoint::Loaded* resumed);

/// Logs the metric after each stage (adapted, just pruned, recovered), remaining FLOPs, the exports that exist and the
/// run directory. Reads metrics.jsonl.
void describe_end(Session& session, Outcome outcome);

/// The last evaluation of each split in each stage, in the order of their first ones.
std::vector<EvalRecord> last_evaluations(const std::vector<MetricRecord>& records);

}  // namespace filigree::train
