// `filigree bench-methods`; declared in command.h.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iostream>
#include <optional>

#include "core/bench/external.h"
#include "core/bench/plot.h"
#include "core/bench/summary.h"
#include "core/bench/table.h"
#include "core/counted.h"
#include "core/error.h"
#include "core/files/disk.h"
#include "core/files/ownership.h"
#include "dist/launcher.h"
#include "launch/commands/bench_plan.h"
#include "launch/commands/bench_run.h"
#include "launch/commands/command.h"
#include "launch/registries.h"

namespace filigree::launch {
namespace {

using bench::Action;
using bench::Status;

constexpr int kStopped = 75;

/// Neither done nor failed.
bool is_open(const PlannedRun& run) {
  return !run.saved || (run.saved->status != Status::done && run.saved->status != Status::failed);
}

const char* beginning(Action action) {
  if (action == Action::repeat) return "repeated";
  return action == Action::resume ? "resumed" : "started";
}

void tell_end(const PlannedRun& run) {
  const bench::RunResult& result = run.saved->result;
  if (run.saved->status == Status::failed) std::cerr << fmt::format("  failed: {}\n", result.error);
  if (run.saved->status != Status::done) return;
  const std::string value =
      result.value ? fmt::format("{} {}", result.metric, bench::metric_value(*result.value)) : "no metric";
  std::cerr << fmt::format("  done: {}, {:.0f} s\n", value, run.saved->seconds);
}

/// The runs of a list and the files that show their results.
class Bench {
 public:
  Bench(const bench::List& list, const std::vector<int64_t>& seeds, const BenchMethodsOptions& options,
        std::vector<PlannedRun> runs, const bench::BenchDirectory& directory)
      : list_(list), seeds_(seeds), options_(options), runs_(std::move(runs)), directory_(directory) {
    stop_.defer();
  }

  /// Trains what is missing; returns the exit code. DataError if a run failed, after the others.
  int run() {
    note_others();
    write_results();
    for (size_t i = 0; i < runs_.size(); ++i) {
      if (runs_[i].action == Action::reuse) continue;
      if (stop_.received() != 0 || !run_one(runs_[i], i)) return end_stopped();
    }
    return finish();
  }

 private:
  bench::TableText text() const { return {list_.name, options_.ranks, bench::kPlot}; }

  void note_others() const {
    std::vector<std::string> ids;
    for (const PlannedRun& run : runs_) ids.push_back(run.id);
    const auto others = bench::other_runs(directory_, ids);
    if (!others.empty())
      std::cerr << fmt::format("note: {} has results of other runs, which are not in the table: {}\n",
                               directory_.path(), files::listed(others));
  }

  /// In the order of the list, then of the seeds.
  std::vector<bench::RunResult> results() const {
    std::vector<bench::RunResult> all;
    for (const bench::Method& method : list_.methods) {
      if (!method.external.empty())
        for (bench::RunResult& result : bench::external_results(method, method.seeds_or(seeds_)))
          all.push_back(std::move(result));
      for (const PlannedRun& run : runs_)
        if (run.method == &method && !is_open(run)) all.push_back(run.saved->result);
    }
    return all;
  }

  void write_results() const {
    const auto all = results();
    const auto methods = bench::summarize(all);
    files::replace_file(directory_.at(bench::kRuns), bench::runs_csv(all));
    files::replace_file(directory_.at(bench::kSummary), bench::summary_csv(methods));
    files::replace_file(directory_.at(bench::kTable), bench::summary_markdown(text(), methods, all));
    files::replace_file(directory_.at(bench::kPlot), bench::draw_plot(list_.name, methods));
  }

  /// Returns false if the run was stopped.
  bool run_one(PlannedRun& run, size_t index) {
    std::cerr << fmt::format("[{}/{}] {}, seed {}: {}\n", index + 1, runs_.size(), run.method->name, run.seed,
                             beginning(run.action));
    if (!train_planned(run, directory_, options_.ranks, stop_)) return false;
    write_results();
    tell_end(run);
    return true;
  }

  int end_stopped() const {
    std::cerr << fmt::format("stopped; {} has the results so far. Start the same command again to resume\n",
                             directory_.path());
    return kStopped;
  }

  int finish() const {
    const auto all = results();
    std::cout << bench::summary_markdown(text(), bench::summarize(all), all);
    std::cerr << fmt::format("results: {}\n", directory_.at(bench::kTable));
    std::string failed;
    for (const bench::RunResult& result : all)
      if (result.failed()) failed += fmt::format("\n  {}, seed {}: {}", result.method, result.seed, result.error);
    if (failed.empty()) return 0;
    throw DataError(fmt::format("{} of {} failed; the same command repeats them:{}",
                                std::ranges::count_if(all, &bench::RunResult::failed), counted(all.size(), "run"),
                                failed));
  }

  const bench::List& list_;
  const std::vector<int64_t>& seeds_;
  const BenchMethodsOptions& options_;
  std::vector<PlannedRun> runs_;
  const bench::BenchDirectory& directory_;
  train::StopSignal stop_;
};

/// The default of --seeds prints none.
void note_unused_seeds(const bench::List& list, const std::string& seeds) {
  const bool used = std::ranges::any_of(list.methods, [](const bench::Method& method) { return method.seeds.empty(); });
  if (!used && seeds != BenchMethodsOptions().seeds)
    std::cerr << fmt::format("note: --seeds {} has no effect: each method of {} has its own seeds\n", seeds, list.file);
}

/// A word as a shell reads it.
std::string quoted(const std::string& word) {
  if (!word.empty() && word.find_first_of(" \t\n\"'\\$&|;<>()*?[]{}~#`!") == std::string::npos) return word;
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

void print_plan(const std::vector<PlannedRun>& runs, const bench::List& list) {
  for (const PlannedRun& run : runs) {
    std::vector<std::string> words;
    for (const std::string& word : run.words) words.push_back(quoted(word));
    std::cout << fmt::format("{:<6} {}\n", enum_name(run.action), fmt::join(words, " "));
  }
  for (const bench::Method& method : list.methods)
    if (!method.external.empty()) std::cout << fmt::format("{:<6} {}\n", "read", method.external);
}

}  // namespace

int cmd_bench_methods(const BenchMethodsOptions& options, dist::Environment& /*environment*/) {
  if (dist::started_by_launcher())
    throw UsageError(
        "filigree bench-methods: start it without mpirun or srun; with --ranks N it starts each run under mpirun");
  const bench::List list = bench::read_list(options.list);
  const auto seeds = bench::parse_seeds(options.seeds);
  note_unused_seeds(list, options.seeds);
  const std::string output = options.output.empty() ? "bench/" + list.name : options.output;
  // A directory with results is locked before they are read; a new one is created when all recipes are good.
  std::optional<bench::BenchDirectory> directory;
  if (bench::check_output(output) && !options.dry_run) directory.emplace(output);
  const auto registries = make_registries();
  auto runs = plan_runs(list, seeds, options, bench::BenchPaths(output), registries.catalog());
  refuse_changed(runs, bench::BenchPaths(output));
  if (options.dry_run) {
    print_plan(runs, list);
    return 0;
  }
  if (!directory) directory.emplace(output);
  return Bench(list, seeds, options, std::move(runs), *directory).run();
}

}  // namespace filigree::launch
