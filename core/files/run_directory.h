#pragma once
// The directory of a run: who may write to it, and whether it still exists. run_paths.h has the names in it.
//
// Symbolic links in a run directory are not followed for writing. The run directory itself may be reached through one.
#include <sys/types.h>

#include <string>

#include "core/files/lock.h"
#include "core/files/run_paths.h"

namespace filigree::files {

class RunDirectory {
 public:
  /// Creates the directory, or reopens one that filigree created, and takes its lock. UsageError if `path` is not empty
  /// and not a filigree run, or if another process writes to it; DataError if it cannot be created or written.
  explicit RunDirectory(const std::string& path);

  const std::string& path() const { return path_; }
  std::string at(const std::string& name) const { return RunPaths(path_).at(name); }

  /// The path of a subdirectory, which is created if needed. DataError if a link or a file has its name.
  std::string folder(const std::string& name) const;

  /// DataError if the directory was removed, renamed or replaced since it was opened.
  void require_present() const;

 private:
  std::string path_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  RunLock lock_;
};

}  // namespace filigree::files
