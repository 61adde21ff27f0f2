#pragma once
// What a run leaves for others: the exports that a recipe asks for, and final/, the model in its small shape with the
// recipe that made it, which eval, predict and inspect read.
#include "core/checkpoint/export.h"
#include "core/train/session.h"

namespace filigree::train {

/// An export stage, into the run directory. Rank 0 writes, all ranks wait; a resumed run replaces its own. Collective.
void export_stage(Session& session, const recipe::ExportConfig& config);

/// final/ in the run directory. Collective.
void export_final(Session& session);

/// How a model is exported to `dir`: the request that core/checkpoint/export.h takes, with the reading back filled in.
/// files: directory of the tokenizer files.
checkpoint::ExportRequest export_request(const Plugins& plugins, nn::Model& model, const std::string& files,
                                         const std::string& format, const std::string& dir, double shard_mb = 0);

}  // namespace filigree::train
