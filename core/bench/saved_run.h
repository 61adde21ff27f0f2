#pragma once
// What a bench keeps of a run, in results/<method>-seed<seed>.json: enough for the table if the run's directory is
// gone.
#include <cstdint>
#include <string>

#include "core/bench/result.h"
#include "core/enum_names.h"

namespace filigree::bench {

enum class Status {
  running,  ///< also what a bench leaves that was killed
  stopped,  ///< by a signal
  failed,
  done,
};
constexpr std::array<EnumName<Status>, 4> enum_names(Status) {
  return {
      {{Status::running, "running"}, {Status::stopped, "stopped"}, {Status::failed, "failed"}, {Status::done, "done"}}};
}

struct SavedRun {
  Status status = Status::running;
  int64_t ranks = 1;
  std::string recipe;             ///< the resolved recipe that it was started with
  bool measured = true;           ///< false if a start was not: its bench was killed
  double seconds = 0;             ///< of all measured starts
  int64_t peak_memory_bytes = 0;  ///< of all measured starts
  RunResult result;               ///< of a run that is done or failed
};

/// The file is replaced atomically. DataError if it cannot be written.
void write_saved_run(const std::string& path, const SavedRun& run);

/// DataError if the file is damaged.
SavedRun read_saved_run(const std::string& path);

/// Status `running`, for a start. If it has that status already, its last start was not measured.
void begin_start(SavedRun& run);

/// What a start took.
void add_measures(SavedRun& run, double seconds, int64_t peak_memory_bytes);

/// seconds and peak_memory_bytes of the result; empty if a start was not measured.
void put_measures(SavedRun& run);

}  // namespace filigree::bench
