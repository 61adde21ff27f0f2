#pragma once
// The record of a pruned model in metrics.jsonl, before the first stage and after the last one.
#include <string>

#include "core/log/records.h"
#include "core/run/session.h"

namespace filigree::train {

/// What is left of the model, and its zeros. at: ModelRecord::kStart or kEnd. Collective.
ModelRecord model_record(Session& session, const std::string& at);

/// Records the model after the last stage if units were removed, if at least 0.1% of the encoder's weights are zero, or if
/// the run began with such a model. Collective.
void record_last_model(Session& session);

/// Records the model that metrics.jsonl begins with, and logs it: the base of a new run, or the checkpoint of another
/// run. Warns of zeros that no mask keeps. Does nothing if the file has lines, or if the model is not pruned. Collective.
void record_first_model(Session& session);

}  // namespace filigree::train
