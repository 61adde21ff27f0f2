#pragma once
// One writer for a run directory: an advisory lock (flock) on its .lock file, which the kernel drops when the process
// ends, however it ends. The file names the holder for the message that a second run gets.
#include <string>

namespace filigree::files {

class RunLock {
 public:
  /// UsageError when another process holds the lock, naming it; DataError when .lock cannot be opened, or is a link.
  explicit RunLock(const std::string& run_dir);
  ~RunLock();
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;

 private:
  int fd_ = -1;
};

}  // namespace filigree::files
