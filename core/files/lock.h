#pragma once
// One writer for the directory of a run or a bench: an advisory lock (flock) on its .lock file. The kernel releases it
// when the process ends for any reason. The file names the holder, for the message of a second process.
#include <string>

namespace filigree::files {

class RunLock {
 public:
  /// UsageError that names the holder if another process holds the lock; DataError if .lock is a link or cannot be
  /// opened. noun, flag: how messages name the directory and its argument.
  explicit RunLock(const std::string& run_dir, const std::string& noun = "run", const std::string& flag = "--out");
  ~RunLock();
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;

 private:
  int fd_ = -1;
};

}  // namespace filigree::files
