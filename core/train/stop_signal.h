#pragma once
// SIGTERM, SIGINT, SIGUSR1 and SIGUSR2 ask the run to write a checkpoint at the next step and end with exit code 75.
// Slurm and mpirun send them to some or all ranks; one rank's signal is enough, the ranks agree at the step's boundary.
namespace filigree::train {

/// Installs the handlers for its lifetime (one at a time in a process).
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;

  /// The number of the signal that came, 0 for none.
  int received() const;
};

}  // namespace filigree::train
