#pragma once
// The record of a pruned model in metrics.jsonl, before the first stage and after the last one.
#include <string>

#include "core/log/records.h"
#include "core/run/session.h"

namespace filigree::train {

/// What is left of the model, and its zeros. at: ModelRecord::kStart or kEnd. Collective.
ModelRecord model_record(Session& session, const std::string& at);

/// Records it if units were removed or at least 0.1% of the encoder's weights are zero. Returns whether it did.
/// Collective.
bool record_model(Session& session, const std::string& at);

/// Records the model that metrics.jsonl begins with, and logs it: the base of a new run, or the checkpoint of another
/// run. Does nothing if the file has lines. Collective.
void record_first_model(Session& session);

}  // namespace filigree::train
