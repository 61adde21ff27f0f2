// `filigree train`; declared in command.h.
#include "core/recipe/load.h"
#include "core/run/open_session.h"
#include "core/train/run_summary.h"
#include "core/train/stages/run_stages.h"
#include "launch/commands/command.h"
#include "launch/registries.h"

namespace filigree::launch {

int cmd_train(const TrainOptions& options, dist::Environment& environment) {
  const auto registries = make_registries();
  const auto recipe = recipe::load(options.recipe, options.sets, registries.catalog());
  // The path of the recipe does not matter: its keys are compared.
  const std::vector<train::Fact> arguments{{"command", "train"}, {"--out", options.out}, {"--resume", options.resume}};
  auto opened = train::open_session(recipe, registries, environment, {options.out, options.resume, arguments});
  auto& session = *opened.session;
  train::describe_start(session, opened.resumed ? &*opened.resumed : nullptr);
  const auto outcome = train::run_stages(session, opened.resumed ? &*opened.resumed : nullptr);
  train::describe_end(session, outcome);
  return outcome == train::Outcome::stopped ? 75 : 0;
}

}  // namespace filigree::launch
