#pragma once
// What a run says at its start and its end.
#include "core/run/session.h"
#include "core/train/trainer.h"

namespace filigree::train {

/// Ranks, device, model, data, the table of stages with their steps; where it goes on from.
void describe_start(Session& session, const checkpoint::Loaded* resumed);

/// The metric after each stage (adapted, just pruned, recovered), FLOPs saved, where the run lies. Reads metrics.jsonl.
void describe_end(Session& session, Outcome outcome);

}  // namespace filigree::train
