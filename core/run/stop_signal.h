#pragma once
// The signals that stop `filigree train`: SIGTERM, SIGINT, SIGUSR1, SIGUSR2 and SIGHUP. Schedulers and mpirun send them
// to some or all ranks, early, late, and repeatedly; the exit code is always 75. `bench-methods` defers them in the same
// way and passes them on to its run. What a signal does depends on the phase:
//
//   end at once   before training and between stages, where no trained step can be lost: exit with 75
//   defer         while a stage trains: the ranks agree at the end of the step, write a checkpoint and exit with 75.
//                 A second SIGINT more than one second after the first signal ends the process at once, also with 75
//   ignore        after the last checkpoint of this process, until the process has ended
namespace filigree::train {

/// Installs the handlers; the phase is "end at once". For `train` and `bench-methods`, as early as possible: other
/// commands keep the default effect of signals. May be called before static initialization, and again. A SIGHUP that
/// the parent ignores (nohup) stays ignored.
void handle_stop_signals();

/// The phase of the one session in this process.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();  ///< ignore
  StopSignal(const StopSignal&) = delete;

  void end_at_once();
  void defer();
  void ignore();

  /// Also writes the message of an end at once to this open file, until the session ends; -1: to none.
  void log_to(int descriptor);

  /// The number of the signal received in the phase "defer", 0 for none.
  int received() const;
};

}  // namespace filigree::train
