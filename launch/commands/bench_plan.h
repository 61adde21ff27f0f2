#pragma once
// The runs of `filigree bench-methods`: each recipe of the list with each seed, what its output directory has of it,
// and what follows for it.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/bench/bench_directory.h"
#include "core/bench/decide.h"
#include "core/bench/list.h"
#include "core/recipe/catalog.h"
#include "core/recipe/recipe.h"
#include "launch/options.h"

namespace filigree::launch {

struct PlannedRun {
  const bench::Method* method = nullptr;
  int64_t seed = 0;
  std::string id;
  std::vector<std::string> words;  ///< of the command that trains it: program, or mpirun, and arguments
  recipe::Recipe recipe;           ///< resolved
  bench::Action action = bench::Action::start;
  std::optional<bench::SavedRun> saved;
  bool has_progress = false;
  std::string difference;  ///< of the recipe of its directory, in keys that determine results
};

/// The runs of all methods with a recipe: each with its first seed, then each with its second. Reads the recipes; UsageError
/// with the problems of all. Creates nothing.
std::vector<PlannedRun> plan_runs(const bench::List& list, const std::vector<int64_t>& seeds,
                                  const BenchMethodsOptions& options, const bench::BenchPaths& paths,
                                  const recipe::Catalog& catalog);

/// UsageError that names each run whose directory holds another recipe's, with the differences.
void refuse_changed(const std::vector<PlannedRun>& runs, const bench::BenchPaths& paths);

}  // namespace filigree::launch
