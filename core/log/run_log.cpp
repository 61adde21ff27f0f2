#include "core/log/run_log.h"

#include <spdlog/sinks/base_sink.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "core/counted.h"
#include "core/error.h"
#include "core/files/append_file.h"
#include "core/files/ownership.h"
#include "core/files/run_directory.h"
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
  explicit FileSink(std::shared_ptr<files::AppendFile> file) : file_(std::move(file)) {}

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    file_->append({line.data(), line.size()});
  }
  void flush_() override {}

 private:
  std::shared_ptr<files::AppendFile> file_;
};

spdlog::sink_ptr sink_of(const std::shared_ptr<files::AppendFile>& file) {
  auto sink = std::make_shared<FileSink>(file);
  sink->set_pattern("%Y-%m-%d %H:%M:%S %L %v");
  return sink;
}

/// For a rank other than 0: log.txt, if this host sees it. Such a rank works without it.
std::shared_ptr<files::AppendFile> open_if_present(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) return nullptr;
  try {
    return std::make_shared<files::AppendFile>(path, files::AppendFile::Mode::append);
  } catch (const DataError&) {
    return nullptr;
  }
}

std::shared_ptr<spdlog::logger> make_logger(const std::vector<spdlog::sink_ptr>& sinks) {
  auto logger = std::make_shared<spdlog::logger>("run", sinks.begin(), sinks.end());
  logger->flush_on(spdlog::level::info);
  logger->set_error_handler([](const std::string& problem) { throw DataError(problem); });
  return logger;
}

std::string one_line(std::string text) {
  std::ranges::replace(text, '\n', ' ');
  return text;
}

}  // namespace

void log_failed_start(const std::string& run_dir, bool is_rank_zero, const std::string& text) noexcept {
  try {
    if (run_dir.empty() || !files::is_marked(run_dir, files::DirectoryKind::run)) return;
    std::optional<files::RunDirectory> locked;  // of rank 0's job, if this is another rank
    if (is_rank_zero) locked.emplace(run_dir);
    const std::string path = files::RunPaths(run_dir).log();
    const auto file = is_rank_zero ? std::make_shared<files::AppendFile>(path, files::AppendFile::Mode::append)
                                   : open_if_present(path);
    if (file) make_logger({sink_of(file)})->error("{}", one_line(text));
  } catch (const std::exception&) {  // the error that ends the start is printed in any case
  }
}

RunLog::RunLog(const std::string& run_dir, bool is_rank_zero, const std::optional<LogPosition>& resume) {
  const files::RunPaths paths(run_dir);
  if (!is_rank_zero) {
    file_ = open_if_present(paths.log());
    return;
  }
  auto metrics = std::make_unique<MetricsFile>(paths.metrics(), resume ? resume->lines : 0);
  metrics_ = metrics.get();
  progress_ = std::make_unique<Progress>(std::cerr, stderr_progress());
  file_ = std::make_shared<files::AppendFile>(paths.log(), files::AppendFile::Mode::append);
  text_ = make_logger({std::make_shared<ConsoleSink>(*progress_), sink_of(file_)});
  sinks_.push_back(std::move(metrics));
  sinks_.push_back(std::make_unique<EventFile>(run_dir));
  if (resume) compare(*resume);
}

void RunLog::compare(const LogPosition& position) {
  if (!position.own) return;
  if (lines() < position.lines)
    warn(
        "{}: has {} of the {} that it had when the checkpoint was taken; the others are lost, and `filigree "
        "report` will not show them",
        metrics_->path(), lines(), counted(position.lines, "line"));
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

void RunLog::failure(const std::string& text) const noexcept {
  if (!file_) return;
  try {
    make_logger({sink_of(file_)})->error("{}", one_line(text));
  } catch (const std::exception&) {  // the error itself may be a full disk
  }
}

int RunLog::descriptor() const { return file_ ? file_->descriptor() : -1; }

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
