// Runs the stages of a recipe as `filigree train` does, with one more method: norms.
//   train_norms RECIPE RUN_DIRECTORY [KEY=VALUE...]
#include <exception>

#include "core/error.h"
#include "core/recipe/load.h"
#include "core/run/open_session.h"
#include "core/train/run_summary.h"
#include "core/train/stages/run_stages.h"
#include "launch/failure.h"
#include "launch/registries.h"
#include "norms.h"

namespace {

using namespace filigree;

int run(const std::vector<std::string>& words, const dist::Environment& environment) {
  if (words.size() < 2) throw UsageError("usage: train_norms RECIPE RUN_DIRECTORY [KEY=VALUE...]");
  const std::vector<std::string> sets(words.begin() + 2, words.end());

  train::Registries registries = launch::make_registries();
  registries.methods.add<example::NormsOptions, example::Norms>("norms", "train the layer norms and the task head");
  const auto recipe = recipe::load(words[0], sets, registries.catalog());

  auto opened = train::open_session(recipe, registries, environment, {words[1], "auto", {}});
  const checkpoint::Loaded* resumed = opened.resumed ? &*opened.resumed : nullptr;
  train::describe_start(*opened.session, resumed);
  const train::Outcome outcome = train::run_stages(*opened.session, resumed);
  train::describe_end(*opened.session, outcome);
  return outcome == train::Outcome::stopped ? 75 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  train::handle_stop_signals();
  dist::Environment environment(&argc, &argv);  // outlives the errors, which end the job on all ranks
  try {
    return run({argv + 1, argv + argc}, environment);
  } catch (...) {
    return launch::end_job(launch::explain(std::current_exception()), environment);
  }
}
