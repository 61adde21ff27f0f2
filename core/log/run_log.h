#pragma once
// Output of a run: text to stderr and log.txt, records to metrics.jsonl and TensorBoard, progress to the terminal. Only
// rank 0 writes; on other ranks every call does nothing.
//
// metrics.jsonl has one JSON object per line. A resumed run atomically truncates it to the state at its checkpoint, so
// that the file ends up like that of an uninterrupted run; an incomplete last line of a killed run is dropped. Lines
// that are missing or were edited since the checkpoint are reported.
#include <fmt/format.h>
#include <spdlog/logger.h>
#include <nlohmann/json.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/files/append_file.h"
#include "core/log/event_file.h"
#include "core/log/progress.h"

namespace filigree::train {

/// Where in metrics.jsonl a resumed run continues.
struct LogPosition {
  int64_t lines = 0;        ///< RunLog::lines() at the time of the checkpoint
  std::string digest = {};  ///< RunLog::digest() at that time; empty: unknown
  bool own = false;         ///< the checkpoint is of this run, so the lines before it must exist
};

/// What cut_metrics() has kept of metrics.jsonl.
struct KeptLines {
  int64_t lines = 0;
  std::string digest;
};

class RunLog {
 public:
  /// resume: nullopt for a new run, whose metrics start empty. DataError if a file cannot be written.
  RunLog(const std::string& run_dir, bool is_rank_zero, const std::optional<LogPosition>& resume = std::nullopt);
  ~RunLog();
  RunLog(const RunLog&) = delete;
  RunLog& operator=(const RunLog&) = delete;

  template <class... Args>
  void info(fmt::format_string<Args...> format, Args&&... args) {
    if (text_) say(spdlog::level::info, fmt::format(format, std::forward<Args>(args)...));
  }
  template <class... Args>
  void warn(fmt::format_string<Args...> format, Args&&... args) {
    if (text_) say(spdlog::level::warn, fmt::format(format, std::forward<Args>(args)...));
  }

  /// Writes one line of metrics.jsonl, with a "kind"; if it has a "step", its numbers are also TensorBoard scalars. NaN
  /// and infinities are written as null.
  void record(const nlohmann::ordered_json& line);
  int64_t lines() const { return kept_.lines; }               ///< lines in metrics.jsonl, for LogPosition
  const std::string& digest() const { return kept_.digest; }  ///< hash of these lines
  void sync();                                                ///< syncs metrics.jsonl to disk. DataError if it is gone

  void begin_stage(const std::string& name, int64_t total_steps, int64_t done_steps);
  void progress(const StepProgress& progress);
  void end_stage();

 private:
  void compare(const LogPosition& position);
  void say(spdlog::level::level_enum level, const std::string& message);

  std::shared_ptr<spdlog::logger> text_;  ///< null except on rank 0
  std::unique_ptr<EventFile> events_;
  std::unique_ptr<Progress> progress_;
  files::AppendFile metrics_;
  KeptLines kept_;
};

/// Truncates metrics.jsonl to its first `lines` lines and drops an incomplete last line. No-op without the file.
KeptLines cut_metrics(const std::string& path, int64_t lines);

}  // namespace filigree::train
