#pragma once
// A child process with its output in a file, its use of time and memory, and a signal that is passed to it.
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace filigree::bench {

struct ChildEnd {
  int exit_code = 0;
  int signal = 0;  ///< that ended it; 0: it exited
  double seconds = 0;
  int64_t peak_memory_bytes = 0;  ///< resident, of the process or the descendant on this host that needed most
};

struct ChildRequest {
  std::vector<std::string> words;         ///< program (found in PATH) and arguments
  std::string output;                     ///< file that stdout and stderr are appended to
  int stop_signal = 0;                    ///< sent once when stop_asked() turns true, and if this process dies
  std::function<bool()> stop_asked = {};  ///< polled while the child runs
};

/// Runs the child to its end. It is in a process group of its own, so that a Ctrl-C of the terminal reaches only this
/// process, and reads nothing. DataError if it cannot be started.
ChildEnd run_child(const ChildRequest& request);

}  // namespace filigree::bench
