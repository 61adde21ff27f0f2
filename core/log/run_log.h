#pragma once
// Output of a run: text to stderr and log.txt, records to the metric sinks (metrics.jsonl, TensorBoard), progress to the
// terminal. Only rank 0 writes; on other ranks every call but failure() does nothing.
//
// log.txt holds all starts of the run, one after the other. metrics.jsonl is cut back to the checkpoint.
// Lines of metrics.jsonl that are missing or were edited since the checkpoint that a run resumes from are reported.
#include <fmt/format.h>
#include <spdlog/logger.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/files/append_file.h"
#include "core/log/metric_sink.h"
#include "core/log/metrics_file.h"
#include "core/log/progress.h"
#include "core/log/records.h"

namespace filigree::train {

/// Where in metrics.jsonl a resumed run continues.
struct LogPosition {
  int64_t lines = 0;        ///< RunLog::lines() at the time of the checkpoint
  std::string digest = {};  ///< RunLog::digest() at that time; empty: unknown
  bool own = false;         ///< the checkpoint is of this run, so the lines before it must exist
};

/// Writes the error of a start that did not come to open the run in `run_dir` to its log.txt, as one line. Does nothing
/// if the directory is not a run, if another job writes to it, or if the file cannot be written; rank 0 alone creates it.
void log_failed_start(const std::string& run_dir, bool is_rank_zero, const std::string& text) noexcept;

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

  /// Writes the error that ends the run to log.txt, as one line, and not to stderr. Any rank may call it: a rank that
  /// fails alone does. Does nothing if log.txt cannot be written.
  void failure(const std::string& text) const noexcept;
  /// Of log.txt, for a signal handler; -1 if this rank has not opened it.
  int descriptor() const;

  /// Passes a record to each sink.
  void record(const MetricRecord& record);
  void sync();                 ///< syncs the sinks to disk. DataError if metrics.jsonl is gone
  int64_t lines() const;       ///< lines in metrics.jsonl, for LogPosition
  std::string digest() const;  ///< hash of these lines

  void begin_stage(const std::string& name, int64_t total_steps, int64_t done_steps);
  void progress(const StepProgress& progress);
  void end_stage();

 private:
  void compare(const LogPosition& position);
  void say(spdlog::level::level_enum level, const std::string& message);

  std::shared_ptr<files::AppendFile> file_;  ///< log.txt; null if the rank does not see it
  std::shared_ptr<spdlog::logger> text_;     ///< null except on rank 0
  std::unique_ptr<Progress> progress_;
  std::vector<std::unique_ptr<MetricSink>> sinks_;  ///< empty except on rank 0
  MetricsFile* metrics_ = nullptr;                  ///< one of sinks_
};

}  // namespace filigree::train
