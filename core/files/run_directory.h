#pragma once
// The directory of a run: the names in it, who may write to it, and whether it is still there.
//
//   .filigree        marker, written first (core/files/ownership.h)
//   .lock            held by the process that writes (core/files/lock.h)
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

/// Whether filigree uses a name directly in a run directory for itself. An export may not have it.
bool is_reserved(const std::string& name);
}  // namespace run_names

class RunDirectory {
 public:
  /// Makes the directory, or reopens one that filigree made, and takes its lock. UsageError when `path` holds anything
  /// and is not a run of filigree, or when another process writes to it; DataError when the disk refuses.
  explicit RunDirectory(const std::string& path);

  const std::string& path() const { return path_; }
  std::string at(const std::string& name) const { return path_ + "/" + name; }

  /// The path of a directory in this one, which is made if needed. DataError when a link or a file has its name.
  std::string folder(const std::string& name) const;

  /// DataError when the directory was removed, renamed or replaced since it was opened.
  void require_present() const;

 private:
  std::string path_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  RunLock lock_;
};

}  // namespace filigree::files
