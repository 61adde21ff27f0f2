#include "launch/start_limit.h"

#include <filesystem>

#include "core/adapt/method.h"
#include "core/error.h"
#include "core/recipe/load.h"
#include "dist/phase_watch.h"
#include "launch/options.h"
#include "launch/registries.h"

namespace filigree::launch {
namespace {

template <class Options>
double timeout_of(const std::vector<std::string>& words) {
  const auto options = parse<Options>(words);
  std::error_code problem;
  if (!std::filesystem::is_regular_file(options.recipe, problem))
    return dist::kStartDeadline;  // a pipe can be read only once
  return recipe::load(options.recipe, options.sets, make_registries().catalog()).parallel.timeout;
}

}  // namespace

double start_limit(const std::vector<std::string>& words) {
  try {
    const std::vector<std::string> rest(words.begin() + (words.empty() ? 0 : 1), words.end());
    if (!words.empty() && words[0] == TrainOptions::kText.name) return timeout_of<TrainOptions>(rest);
    if (!words.empty() && words[0] == BenchOptions::kText.name) return timeout_of<BenchOptions>(rest);
  } catch (const UserError&) {
    return dist::kStartDeadline;
  }
  return dist::kStartDeadline;
}

}  // namespace filigree::launch
