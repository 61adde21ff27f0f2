#pragma once
// What a run leaves for others: the exports that a recipe asks for, and final/, the model in its small shape with the
// recipe that made it, which eval, predict and inspect read.
#include "core/export/export.h"
#include "core/run/session.h"

namespace filigree::train {

/// An export stage, into the run directory. Rank 0 writes, all ranks wait; a resumed run replaces its own. Collective.
void export_stage(Session& session, const recipe::ExportConfig& config);

/// final/ in the run directory. Collective.
void export_final(Session& session);

}  // namespace filigree::train
