#include "core/log/run_log.h"

#include <spdlog/sinks/base_sink.h>

#include <chrono>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <vector>

#include "core/error.h"
#include "core/files/disk.h"
#include "core/files/hash.h"
#include "core/files/read.h"
#include "core/files/run_directory.h"

namespace filigree::train {
namespace {

namespace fs = std::filesystem;

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

/// JSON cannot represent NaN and infinities; writes null instead.
nlohmann::ordered_json without_nan(const nlohmann::ordered_json& value) {
  if (value.is_number_float() && !std::isfinite(value.get<double>())) return nullptr;
  if (!value.is_structured()) return value;
  auto copy = value;
  for (auto& item : copy) item = without_nan(item);
  return copy;
}

/// Puts the keys that identify a line first, in any order of the caller.
nlohmann::ordered_json in_order(const nlohmann::ordered_json& line) {
  nlohmann::ordered_json ordered;
  for (const char* key : {"kind", "stage", "step", "split"})
    if (line.contains(key)) ordered[key] = line[key];
  for (const auto& [key, value] : line.items())
    if (!ordered.contains(key)) ordered[key] = without_nan(value);
  return ordered;
}

std::string tag_prefix(const nlohmann::ordered_json& line) {
  const std::string kind = line.at("kind");
  return line.contains("split") ? kind + "/" + line["split"].get<std::string>() : kind;
}

std::vector<std::pair<std::string, double>> scalars_of(const nlohmann::ordered_json& line) {
  std::vector<std::pair<std::string, double>> values;
  const std::string prefix = tag_prefix(line) + "/";
  for (const auto& [key, value] : line.items())
    if (value.is_number() && key != "step" && key != "stage_step")
      values.emplace_back(prefix + key, value.get<double>());
  return values;
}

/// digest(n lines) = hash(digest(n - 1 lines) + line n)
void add_line(KeptLines& kept, const std::string& line) {
  ++kept.lines;
  kept.digest = files::hash_text(kept.digest + line);
}

double wall_seconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

KeptLines cut_metrics(const std::string& path, int64_t lines) {
  KeptLines kept;
  if (!fs::exists(path)) return kept;
  const std::string text = files::read_file(path);
  size_t keep = 0;
  for (size_t end = 0; (end = text.find('\n', keep)) != std::string::npos; keep = end + 1) {
    const std::string line = text.substr(keep, end - keep);
    if (kept.lines >= lines) break;
    add_line(kept, line);
  }
  if (keep < text.size()) files::replace_file(path, text.substr(0, keep));
  return kept;
}

RunLog::RunLog(const std::string& run_dir, bool is_rank_zero, const std::optional<LogPosition>& resume) {
  if (!is_rank_zero) return;
  const std::string metrics = run_dir + "/" + files::run_names::kMetrics;
  kept_ = cut_metrics(metrics, resume ? resume->lines : 0);
  metrics_ = files::AppendFile(metrics, files::AppendFile::Mode::append);
  progress_ = std::make_unique<Progress>(std::cerr, stderr_progress());
  text_ = open_text_log(run_dir + "/" + files::run_names::kLog,
                        resume ? files::AppendFile::Mode::append : files::AppendFile::Mode::truncate, *progress_);
  events_ = std::make_unique<EventFile>(run_dir);
  if (resume) compare(*resume);
}

void RunLog::compare(const LogPosition& position) {
  if (!position.own) return;
  if (kept_.lines < position.lines)
    warn(
        "{}: has {} of the {} lines that it had when the checkpoint was taken; the others are lost, and `filigree "
        "report` will not show them",
        metrics_.path(), kept_.lines, position.lines);
  else if (!position.digest.empty() && kept_.digest != position.digest)
    warn("{}: was changed since the checkpoint was taken; `filigree report` shows it as it is now", metrics_.path());
}

void RunLog::sync() {
  if (text_) metrics_.sync();
}

RunLog::~RunLog() {
  if (progress_) progress_->end();
}

void RunLog::record(const nlohmann::ordered_json& record) {
  if (!text_) return;
  const auto line = in_order(record);
  const std::string text = line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  metrics_.append(text + "\n");
  add_line(kept_, text);
  if (line.contains("step")) events_->scalars(scalars_of(line), line["step"].get<int64_t>(), wall_seconds());
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
