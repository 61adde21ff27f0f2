#pragma once
// The names in the directory of a run, and their paths, for writers and readers. It takes no lock and does not check
// what exists; RunDirectory (run_directory.h) decides who may write.
//
//   .filigree        marker, written first (core/files/ownership.h)
//   .lock            held by the process that writes the run (core/files/lock.h)
//   recipe.yaml  metrics.jsonl  log.txt  events.out.tfevents.*  report.html
//   checkpoints/  cache/  plans/  final/  and the exports that the recipe names
#include <array>
#include <string>
#include <utility>

namespace filigree::files {

namespace run_names {
inline constexpr const char* kLock = ".lock";
inline constexpr const char* kRecipe = "recipe.yaml";
inline constexpr const char* kMetrics = "metrics.jsonl";
inline constexpr const char* kLog = "log.txt";
inline constexpr const char* kReport = "report.html";
inline constexpr const char* kCheckpoints = "checkpoints";
inline constexpr const char* kCache = "cache";
inline constexpr const char* kPlans = "plans";
inline constexpr const char* kFinal = "final";
inline constexpr const char* kEventsPrefix = "events.out.tfevents.";

/// The names without a leading dot.
inline constexpr std::array kVisible{kRecipe, kMetrics, kLog, kReport, kCache, kPlans, kCheckpoints, kFinal};

/// Whether filigree itself uses this name directly in a run directory. An export must not use it.
bool is_reserved(const std::string& name);
}  // namespace run_names

class RunPaths {
 public:
  explicit RunPaths(std::string run_dir) : run_dir_(std::move(run_dir)) {}

  std::string at(const std::string& name) const { return run_dir_ + "/" + name; }
  std::string lock() const { return at(run_names::kLock); }
  std::string recipe() const { return at(run_names::kRecipe); }  ///< resolved
  std::string metrics() const { return at(run_names::kMetrics); }
  std::string log() const { return at(run_names::kLog); }
  std::string report() const { return at(run_names::kReport); }
  std::string checkpoints() const { return at(run_names::kCheckpoints); }
  std::string cache() const { return at(run_names::kCache); }  ///< teacher's logits, merged base model
  std::string plans() const { return at(run_names::kPlans); }
  std::string final_model() const { return at(run_names::kFinal); }

 private:
  std::string run_dir_;
};

}  // namespace filigree::files
