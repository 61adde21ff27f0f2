#pragma once
// The directory of a run: the names in it, who may write to it, and whether it still exists.
//
//   .filigree        marker, written first (core/files/ownership.h)
//   .lock            held by the process that writes the run (core/files/lock.h)
//   recipe.yaml  metrics.jsonl  log.txt  events.out.tfevents.*  report.html
//   checkpoints/  cache/  plans/  final/  and the exports that the recipe names
//
// Symbolic links in a run directory are not followed for writing. The run directory itself may be reached through one.
#include <sys/types.h>

#include <string>

#include "core/files/lock.h"

namespace filigree::files {

namespace run_names {
inline constexpr const char* kRecipe = "recipe.yaml";
inline constexpr const char* kMetrics = "metrics.jsonl";
inline constexpr const char* kLog = "log.txt";
inline constexpr const char* kReport = "report.html";
inline constexpr const char* kCheckpoints = "checkpoints";
inline constexpr const char* kCache = "cache";
inline constexpr const char* kPlans = "plans";
inline constexpr const char* kFinal = "final";
inline constexpr const char* kEventsPrefix = "events.out.tfevents.";

/// Whether filigree itself uses this name directly in a run directory. An export must not use it.
bool is_reserved(const std::string& name);
}  // namespace run_names

class RunDirectory {
 public:
  /// Creates the directory, or reopens one that filigree created, and takes its lock. UsageError if `path` is not empty
  /// and not a filigree run, or if another process writes to it; DataError if it cannot be created or written.
  explicit RunDirectory(const std::string& path);

  const std::string& path() const { return path_; }
  std::string at(const std::string& name) const { return path_ + "/" + name; }

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
