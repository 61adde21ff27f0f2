#include "core/log/run_log.h"

#include <spdlog/sinks/base_sink.h>

#include <iostream>
#include <nlohmann/json.hpp>
#include <vector>

#include "core/error.h"
#include "core/files/append_file.h"
#include "core/files/run_paths.h"
#include "core/log/event_file.h"

namespace filigree::train {
namespace {

/// stderr, without a time of day; clears the progress bar before a line.
class ConsoleSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit ConsoleSink(Progress& progress) : progress_(progress) {}

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    progress_.clear();
    const char* mark = message.level >= spdlog::level::warn ? "warning: " : "";
    std::cerr << mark << std::string_view(message.payload.data(), message.payload.size()) << '\n';
  }
  void flush_() override { std::cerr.flush(); }

 private:
  Progress& progress_;
};

/// log.txt, with a time of day.
class FileSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  FileSink(const std::string& path, files::AppendFile::Mode mode) : file_(path, mode) {}

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    file_.append({line.data(), line.size()});
  }
  void flush_() override {}

 private:
  files::AppendFile file_;
};

std::shared_ptr<spdlog::logger> open_text_log(const std::string& path, files::AppendFile::Mode mode,
                                              Progress& progress) {
  auto file = std::make_shared<FileSink>(path, mode);
  file->set_pattern("%Y-%m-%d %H:%M:%S %L %v");
  const std::vector<spdlog::sink_ptr> sinks{std::make_shared<ConsoleSink>(progress), file};
  auto logger = std::make_shared<spdlog::logger>("run", sinks.begin(), sinks.end());
  logger->flush_on(spdlog::level::info);
  logger->set_error_handler([](const std::string& problem) { throw DataError(problem); });
  return logger;
}

}  // namespace

RunLog::RunLog(const std::string& run_dir, bool is_rank_zero, const std::optional<LogPosition>& resume) {
  if (!is_rank_zero) return;
  const files::RunPaths paths(run_dir);
  auto metrics = std::make_unique<MetricsFile>(paths.metrics(), resume ? resume->lines : 0);
  metrics_ = metrics.get();
  progress_ = std::make_unique<Progress>(std::cerr, stderr_progress());
  text_ = open_text_log(paths.log(), resume ? files::AppendFile::Mode::append : files::AppendFile::Mode::truncate,
                        *progress_);
  sinks_.push_back(std::move(metrics));
  sinks_.push_back(std::make_unique<EventFile>(run_dir));
  if (resume) compare(*resume);
}

void RunLog::compare(const LogPosition& position) {
  if (!position.own) return;
  if (lines() < position.lines)
    warn(
        "{}: has {} of the {} lines that it had when the checkpoint was taken; the others are lost, and `filigree "
        "report` will not show them",
        metrics_->path(), lines(), position.lines);
  else if (!position.digest.empty() && digest() != position.digest)
    warn("{}: was changed since the checkpoint was taken; `filigree report` shows it as it is now", metrics_->path());
}

void RunLog::sync() {
  for (const auto& sink : sinks_) sink->sync();
}

int64_t RunLog::lines() const { return metrics_ ? metrics_->kept().lines : 0; }

std::string RunLog::digest() const { return metrics_ ? metrics_->kept().digest : ""; }

RunLog::~RunLog() {
  if (progress_) progress_->end();
}

void RunLog::record(const MetricRecord& record) {
  if (sinks_.empty()) return;
  const auto line = to_json(record);
  for (const auto& sink : sinks_) sink->write(line);
}

void RunLog::begin_stage(const std::string& name, int64_t total_steps, int64_t done_steps) {
  if (progress_) progress_->begin(name, total_steps, done_steps);
}

void RunLog::progress(const StepProgress& progress) {
  if (progress_) progress_->step(progress);
}

void RunLog::end_stage() {
  if (progress_) progress_->end();
}

void RunLog::say(spdlog::level::level_enum level, const std::string& message) { text_->log(level, message); }

}  // namespace filigree::train
