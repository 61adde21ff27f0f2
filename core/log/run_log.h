#pragma once
// What a run says: text to stderr and log.txt, records to metrics.jsonl and TensorBoard, progress to the terminal. Rank
// 0 alone writes; on the other ranks every call does nothing.
//
// metrics.jsonl has one JSON object a line. A run that resumes cuts it back to where its checkpoint was taken,
// atomically, so that the file ends up as an undisturbed run's; a half-written last line of a killed run is dropped.
// Lines that are missing or were edited since the checkpoint are reported.
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
  std::string digest = {};  ///< RunLog::digest() at that time; empty: not known
  bool own = false;         ///< the checkpoint is of this run, so that the lines before it must be there
};

/// What cut_metrics() has left of metrics.jsonl.
struct KeptLines {
  int64_t lines = 0;
  std::string digest;
};

class RunLog {
 public:
  /// resume: none for a new run, whose metrics start empty. DataError when a file cannot be written.
  RunLog(const std::string& run_dir, bool first_rank, const std::optional<LogPosition>& resume = std::nullopt);
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

  /// One line of metrics.jsonl, with a "kind"; its numbers are TensorBoard scalars as well when it has a "step".
  /// Not-a-number and infinities are written as null.
  void record(const nlohmann::ordered_json& line);
  int64_t lines() const { return kept_.lines; }               ///< of metrics.jsonl, for a checkpoint's LogPosition
  const std::string& digest() const { return kept_.digest; }  ///< names the text of these lines
  void sync();  ///< metrics.jsonl is on the disk. DataError when it is gone

  void begin_stage(const std::string& name, int64_t total_steps, int64_t done_steps);
  void progress(const StepProgress& progress);
  void end_stage();

 private:
  void compare(const LogPosition& position);
  void say(spdlog::level::level_enum level, const std::string& message);

  std::shared_ptr<spdlog::logger> text_;  ///< null on all ranks but the first
  std::unique_ptr<EventFile> events_;
  std::unique_ptr<Progress> progress_;
  files::AppendFile metrics_;
  KeptLines kept_;
};

/// Cuts metrics.jsonl to `position`, and a half-written last line. Nothing to do without the file.
KeptLines cut_metrics(const std::string& path, int64_t lines);

}  // namespace filigree::train
