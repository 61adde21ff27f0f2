#pragma once
// The directory of a bench (--output), which contains a marker (core/files/ownership.h) and a lock:
//
//   bench.md  bench.csv  runs.csv  bench.svg    the results
//   results/<method>-seed<seed>.json            what is kept of a run (saved_run.h)
//   logs/<method>-seed<seed>.txt                the console output of its starts
//   runs/<method>-seed<seed>/                   its run directory
//
// Files are replaced atomically, and nothing is removed. Links at these names are not followed for writing.
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/bench/saved_run.h"
#include "core/files/lock.h"

namespace filigree::bench {

inline constexpr const char *kTable = "bench.md", *kSummary = "bench.csv", *kRuns = "runs.csv", *kPlot = "bench.svg";

/// The paths in the directory. It takes no lock and checks nothing.
class BenchPaths {
 public:
  explicit BenchPaths(std::string path) : path_(std::move(path)) {}

  const std::string& path() const { return path_; }
  std::string at(const std::string& name) const { return path_ + "/" + name; }
  std::string run(const std::string& id) const { return at("runs/" + id); }
  std::string saved(const std::string& id) const { return at("results/" + id + ".json"); }
  std::string log(const std::string& id) const { return at("logs/" + id + ".txt"); }

 private:
  std::string path_;
};

/// "lora-seed1"
std::string run_id(const std::string& method, int64_t seed);

/// Whether `path` is the directory of a bench. UsageError if a bench may not write to it: it is a file, or contains
/// something else. Changes nothing.
bool check_output(const std::string& path);

/// What is kept of a run; nothing if there is none. DataError if the file is damaged.
std::optional<SavedRun> saved_run(const BenchPaths& paths, const std::string& id);

/// The ids of all runs with a result in the directory that are not among `ids`.
std::vector<std::string> other_runs(const BenchPaths& paths, const std::vector<std::string>& ids);

class BenchDirectory : public BenchPaths {
 public:
  /// Creates the directory, or reopens one of a bench, and takes its lock. Errors as for check_output(); UsageError if
  /// another bench is at work in it; DataError if it cannot be created or written.
  explicit BenchDirectory(const std::string& path);

 private:
  files::RunLock lock_;
};

}  // namespace filigree::bench
