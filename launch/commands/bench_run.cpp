#include "launch/commands/bench_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <regex>
#include <sstream>
#include <string_view>
#include <thread>

#include "core/bench/child_process.h"
#include "core/error.h"
#include "core/files/lock.h"
#include "core/files/ownership.h"
#include "core/files/read.h"
#include "core/files/run_paths.h"
#include "core/recipe/load.h"
#include "core/report/report_data.h"
#include "core/shown.h"

namespace filigree::launch {
namespace {

namespace fs = std::filesystem;
using bench::Status;

constexpr int kStopped = 75;
constexpr size_t kLongestError = 1000;

uintmax_t size_of(const std::string& path) {
  std::error_code problem;
  const uintmax_t size = fs::file_size(path, problem);
  return problem ? 0 : size;
}

/// The last line that filigree printed in the start whose output begins at `begin`. The words of mpirun are framed by lines
/// of dashes, or begin with "[host:1234]".
std::string last_words(const std::string& path, uintmax_t begin) {
  static const std::regex kLauncher(R"(\[[^\]]+:[0-9]+\] .*)");
  const std::string text = files::read_file(path);
  std::istringstream lines(text.substr(std::min<size_t>(begin, text.size())));
  std::string last;
  bool framed = false;
  for (std::string line; std::getline(lines, line);) {
    const bool is_frame = line.starts_with("-----");
    framed = framed != is_frame;
    if (!is_frame && !framed && !line.empty() && !std::regex_match(line, kLauncher)) last = line;
  }
  return last.empty() ? "see " + path : last;
}

/// The message in log.txt of the run, where it is one line; empty if the run has none, or none was opened.
std::string logged_error(const std::string& run_dir) {
  constexpr std::string_view kEnded = "ended with exit code ";
  try {
    const std::string error = train::read_run(run_dir).error;
    const size_t ended = error.find(kEnded), colon = error.find(": ", std::min(ended, error.size()));
    return ended == std::string::npos || colon == std::string::npos ? "" : error.substr(colon + 2);
  } catch (const DataError&) {
    return "";
  }
}

void fail(bench::SavedRun& run, const std::string& error) {
  run.status = Status::failed;
  run.result.error = shown(error, kLongestError);
}

/// The sizes of a run's log.txt and console output before a start, to tell what the start wrote.
struct Written {
  std::string log, console;
  uintmax_t log_size = 0, console_size = 0;
};

Written written_by(const PlannedRun& run, const bench::BenchPaths& paths) {
  Written before;
  before.log = files::RunPaths(paths.run(run.id)).log();
  before.console = paths.log(run.id);
  before.log_size = size_of(before.log);
  before.console_size = size_of(before.console);
  return before;
}

std::string error_of(const bench::ChildEnd& end, const std::string& run_dir, const Written& before) {
  const std::string words = last_words(before.console, before.console_size);
  if (end.signal != 0)
    return fmt::format("ended by signal {} ({}), after: {}", end.signal, ::strsignal(end.signal), words);
  // A start that is refused does not write to log.txt, which may have the error of an earlier one.
  const std::string logged = size_of(before.log) != before.log_size ? logged_error(run_dir) : "";
  return fmt::format("exit code {}: {}", end.exit_code, logged.empty() ? words : logged);
}

void take_result(PlannedRun& run, const bench::BenchPaths& paths) {
  bench::SavedRun& saved = *run.saved;
  try {
    saved.result = bench::measured(train::read_run(paths.run(run.id)));
  } catch (const DataError& error) {
    return fail(saved, error.what());
  }
  saved.result.method = run.method->name;
  saved.result.seed = run.seed;
  bench::put_measures(saved);
  saved.status = Status::done;
}

/// A bench that was killed leaves a run that still writes its last checkpoint.
void wait_for_lock(const std::string& run_dir, const train::StopSignal& stop) {
  constexpr int kTries = 300;
  constexpr auto kPause = std::chrono::milliseconds(200);
  for (int i = 0; i < kTries && stop.received() == 0; ++i) {
    if (!files::is_marked(run_dir, files::DirectoryKind::run)) return;
    try {
      const files::RunLock lock(run_dir);
      return;
    } catch (const UsageError&) {
      std::this_thread::sleep_for(kPause);
    }
  }
}

/// What a run without progress took before does not count: it starts anew. What one without a record took is unknown.
void begin(PlannedRun& run, int64_t ranks) {
  if (!run.saved || !run.has_progress) {
    run.saved.emplace().status = Status::stopped;
    run.saved->measured = !run.has_progress;
  }
  bench::begin_start(*run.saved);
  run.saved->ranks = ranks;
  run.saved->recipe = recipe::to_yaml(run.recipe);
  run.saved->result = {};
  run.saved->result.method = run.method->name;
  run.saved->result.seed = run.seed;
}

}  // namespace

bool train_planned(PlannedRun& run, const bench::BenchDirectory& directory, int64_t ranks,
                   const train::StopSignal& stop) {
  wait_for_lock(directory.run(run.id), stop);
  if (stop.received() != 0) return false;
  begin(run, ranks);
  bench::write_saved_run(directory.saved(run.id), *run.saved);
  const Written before = written_by(run, directory);
  // mpirun passes SIGUSR1 on to the ranks; at SIGTERM it gives them only a few seconds.
  const bench::ChildEnd end = bench::run_child({.words = run.words,
                                                .output = directory.log(run.id),
                                                .stop_signal = ranks > 1 ? SIGUSR1 : SIGTERM,
                                                .stop_asked = [&] { return stop.received() != 0; }});
  bench::add_measures(*run.saved, end.seconds, end.peak_memory_bytes);
  if (end.signal == 0 && end.exit_code == 0)
    take_result(run, directory);
  else if (end.exit_code == kStopped || stop.received() != 0)
    run.saved->status = Status::stopped;
  else
    fail(*run.saved, error_of(end, directory.run(run.id), before));
  bench::write_saved_run(directory.saved(run.id), *run.saved);
  return run.saved->status != Status::stopped;
}

}  // namespace filigree::launch
