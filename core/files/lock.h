#pragma once
// One writer for a run directory: an advisory lock (flock) on its .lock file. The kernel releases it when the process
// ends for any reason. The file names the holder, for the message of a second run.
#include <string>

namespace filigree::files {

class RunLock {
 public:
  /// UsageError that names the holder if another process holds the lock; DataError if .lock is a link or cannot be
  /// opened.
  explicit RunLock(const std::string& run_dir);
  ~RunLock();
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;

 private:
  int fd_ = -1;
};

}  // namespace filigree::files
