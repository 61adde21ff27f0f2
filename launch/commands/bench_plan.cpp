#include "launch/commands/bench_plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <set>

#include "core/error.h"
#include "core/files/read.h"
#include "core/files/run_paths.h"
#include "core/recipe/load.h"
#include "core/run/resume.h"

namespace filigree::launch {
namespace {

namespace fs = std::filesystem;

/// The program that runs now.
std::string own_program() {
  std::error_code problem;
  const fs::path program = fs::read_symlink("/proc/self/exe", problem);
  if (problem) throw DataError(fmt::format("/proc/self/exe: cannot be read: {}", problem.message()));
  return program.string();
}

std::vector<std::string> sets_of(const bench::Method& method, int64_t seed, const BenchMethodsOptions& options) {
  std::vector<std::string> sets = method.sets;
  sets.insert(sets.end(), options.sets.begin(), options.sets.end());
  sets.push_back(fmt::format("seed={}", seed));
  return sets;
}

std::vector<std::string> words_of(const PlannedRun& run, const std::vector<std::string>& sets,
                                  const BenchMethodsOptions& options, const bench::BenchPaths& paths) {
  std::vector<std::string> words;
  if (options.ranks > 1) words = {"mpirun", "-n", fmt::format("{}", options.ranks)};
  words.insert(words.end(), {own_program(), "train", run.method->recipe, "--out", paths.run(run.id)});
  for (const std::string& set : sets) words.insert(words.end(), {"--set", set});
  return words;
}

bool has_progress(const files::RunPaths& run) {
  std::error_code ignored;
  if (fs::exists(run.final_model(), ignored)) return true;
  for (fs::directory_iterator it(run.checkpoints(), ignored), end; !ignored && it != end; it.increment(ignored))
    if (it->path().filename().string().starts_with("step-")) return true;
  return false;
}

/// The recipe of what the directory has of the run; empty if that is nothing.
std::string recipe_before(const PlannedRun& run, const files::RunPaths& directory) {
  if (run.saved && run.saved->status == bench::Status::done) return run.saved->recipe;
  std::error_code ignored;
  return run.has_progress && fs::exists(directory.recipe(), ignored) ? files::read_file(directory.recipe()) : "";
}

/// Prints each note about a method once, not per seed.
class Notes {
 public:
  void add(const std::string& method, const std::string& text) {
    const std::string note = fmt::format("note: {}: {}\n", method, text);
    if (printed_.insert(note).second) std::cerr << note;
  }

 private:
  std::set<std::string> printed_;
};

/// Of the keys that decide which of a run's numbers is in the table; they have no effect on the run.
std::string metric_difference(const recipe::EvalConfig& before, const recipe::EvalConfig& now) {
  std::string text;
  const auto compare = [&](const char* key, const std::string& was, const std::string& is) {
    if (was != is) text += fmt::format("\n  - {}: {}\n  + {}: {}", key, was, key, is);
  };
  compare("eval.split", before.split, now.split);
  const auto best = [](const recipe::EvalConfig& eval) { return eval.best.empty() ? "the task's metric" : eval.best; };
  compare("eval.best", best(before), best(now));
  return text;
}

/// The recipe that a run was started with. DataError if its text is damaged.
recipe::Recipe read_before(const std::string& text, const PlannedRun& run, const bench::BenchPaths& paths,
                           const recipe::Catalog& catalog) {
  try {
    return recipe::load_text(text, fmt::format("the recipe of the run {}", run.id), catalog, {},
                             recipe::OldKeys::accept);
  } catch (const UsageError& error) {
    throw DataError(
        fmt::format("{}\nTo run it again, remove {} and {}", error.what(), paths.run(run.id), paths.saved(run.id)));
  }
}

/// Keys that differ without an effect on results are a note.
std::string difference_of(const PlannedRun& run, const recipe::Recipe& old, int64_t ranks, Notes& notes) {
  std::string difference = train::recipe_difference(train::decisive_recipe(old), train::decisive_recipe(run.recipe));
  difference += metric_difference(old.eval, run.recipe.eval);
  if (run.saved && run.saved->ranks != ranks)
    difference += fmt::format("\n  - ranks: {}\n  + ranks: {}", run.saved->ranks, ranks);
  const std::string changes = train::free_changes(old, run.recipe);
  if (difference.empty() && !changes.empty())
    notes.add(run.method->name,
              "the recipe differs from that of its runs in keys that do not change their numbers:" + changes);
  return difference;
}

void look_up(PlannedRun& run, int64_t ranks, const bench::BenchPaths& paths, const recipe::Catalog& catalog,
             Notes& notes) {
  const files::RunPaths directory(paths.run(run.id));
  run.saved = bench::saved_run(paths, run.id);
  run.has_progress = has_progress(directory);
  const std::string before = recipe_before(run, directory);
  if (!before.empty()) run.difference = difference_of(run, read_before(before, run, paths, catalog), ranks, notes);
  run.action = bench::decide({run.saved, run.has_progress, run.difference});
}

/// The run with its recipe. UsageError if the recipe is not good.
PlannedRun read_run(const bench::Method& method, int64_t seed, const BenchMethodsOptions& options,
                    const bench::BenchPaths& paths, const recipe::Catalog& catalog) {
  const auto sets = sets_of(method, seed, options);
  PlannedRun run;
  run.method = &method;
  run.seed = seed;
  run.id = bench::run_id(method.name, seed);
  run.recipe = recipe::load(method.recipe, sets, catalog);
  run.words = words_of(run, sets, options, paths);
  return run;
}

void refuse_seed_sets(const std::vector<std::string>& sets) {
  for (const std::string& set : sets)
    if (set.starts_with("seed="))
      throw UsageError(fmt::format("--set {}: has no effect: --seeds gives the seeds", set));
}

/// A recipe is good for all seeds or for none.
void refuse_bad_recipes(const bench::List& list, int64_t seed, const BenchMethodsOptions& options,
                        const bench::BenchPaths& paths, const recipe::Catalog& catalog) {
  std::vector<std::string> problems;
  for (const bench::Method& method : list.methods) {
    if (!method.external.empty()) continue;
    try {
      read_run(method, seed, options, paths, catalog);
    } catch (const UsageError& error) {
      problems.push_back(fmt::format("{}:{}: methods.{}:\n{}", list.file, method.line, method.name, error.what()));
    }
  }
  if (!problems.empty()) throw UsageError(fmt::format("{}", fmt::join(problems, "\n")));
}

size_t most_seeds(const bench::List& list, const std::vector<int64_t>& seeds) {
  size_t most = 0;
  for (const bench::Method& method : list.methods) most = std::max(most, method.seeds_or(seeds).size());
  return most;
}

}  // namespace

std::vector<PlannedRun> plan_runs(const bench::List& list, const std::vector<int64_t>& seeds,
                                  const BenchMethodsOptions& options, const bench::BenchPaths& paths,
                                  const recipe::Catalog& catalog) {
  refuse_seed_sets(options.sets);
  refuse_bad_recipes(list, seeds.front(), options, paths, catalog);
  std::vector<PlannedRun> runs;
  Notes notes;
  for (size_t round = 0; round < most_seeds(list, seeds); ++round) {
    for (const bench::Method& method : list.methods) {
      if (!method.external.empty() || round >= method.seeds_or(seeds).size()) continue;
      PlannedRun run = read_run(method, method.seeds_or(seeds)[round], options, paths, catalog);
      for (const std::string& note : run.recipe.notes) notes.add(method.name, note);
      look_up(run, options.ranks, paths, catalog, notes);
      runs.push_back(std::move(run));
    }
  }
  return runs;
}

void refuse_changed(const std::vector<PlannedRun>& runs, const bench::BenchPaths& paths) {
  std::string changed;
  for (const PlannedRun& run : runs)
    if (run.action == bench::Action::refuse)
      changed += fmt::format("\n{}, which differs in:{}\n  To run it again, remove {} and {}", run.id, run.difference,
                             paths.run(run.id), paths.saved(run.id));
  if (!changed.empty())
    throw UsageError(fmt::format("--output {}: contains runs of a different recipe; choose another --output:{}",
                                 paths.path(), changed));
}

}  // namespace filigree::launch
