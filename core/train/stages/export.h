#pragma once
// The exports of a run: those that the recipe requests, and final/, the model in its small shapes with the
// recipe that produced it. eval, predict and inspect read final/.
#include "core/export/export.h"
#include "core/run/session.h"

namespace filigree::train {

/// Writes a stage's export into the run directory. Rank 0 writes, all ranks wait; a resumed run replaces its
/// own. Collective.
void export_stage(Session& session, const recipe::ExportConfig& config);

/// Writes final/ in the run directory. Collective.
void export_final(Session& session);

}  // namespace filigree::train
