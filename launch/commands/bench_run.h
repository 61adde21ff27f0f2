#pragma once
// One run of a bench: a child process that trains, its result or its error, and the record of it in the output
// directory.
#include <cstdint>

#include "core/bench/bench_directory.h"
#include "core/run/stop_signal.h"
#include "launch/commands/bench_plan.h"

namespace filigree::launch {

/// Trains the run and fills `run.saved`, also on disk: its status is done or failed. Returns false if a signal to this
/// process or to the run stopped it. DataError if the process cannot be started, or a file of the bench cannot be
/// written.
bool train_planned(PlannedRun& run, const bench::BenchDirectory& directory, int64_t ranks,
                   const train::StopSignal& stop);

}  // namespace filigree::launch
