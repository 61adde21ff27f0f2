// `filigree train`; declared in command.h.
#include <optional>
#include <string>

#include "core/recipe/load.h"
#include "core/run/claim_run.h"
#include "core/run/open_session.h"
#include "core/run/resume.h"
#include "core/train/run_summary.h"
#include "core/train/stages/run_stages.h"
#include "launch/commands/command.h"
#include "launch/failure.h"
#include "launch/registries.h"

namespace filigree::launch {
namespace {

int run_opened(train::Session& session, const checkpoint::Loaded* resumed) {
  train::describe_start(session, resumed);
  const auto outcome = train::run_stages(session, resumed);
  train::describe_end(session, outcome);
  return outcome == train::Outcome::stopped ? 75 : 0;
}

}  // namespace

int cmd_train(const TrainOptions& options, dist::Environment& environment) {
  const auto registries = make_registries();
  std::optional<train::OpenedSession> opened;
  std::string run_dir = options.out;
  try {
    const auto recipe = recipe::load(options.recipe, options.sets, registries.catalog());
    // The path of the recipe does not matter: its keys are compared.
    const std::vector<train::Fact> arguments{
        {"command", "train"}, {"--out", options.out}, {"--resume", options.resume}};
    const train::RunRequest request{options.out, options.resume, arguments};
    run_dir = train::run_directory_of(recipe, request);
    opened.emplace(train::open_session(recipe, registries, environment, request));
  } catch (const train::RefusedStart&) {
    throw;
  } catch (...) {
    return end_job(explain(std::current_exception()), environment, [&](const std::string& text) {
      train::log_failed_start(run_dir, environment.world_rank() == 0, "before the run was opened, a start " + text);
    });
  }
  auto& session = *opened->session;
  try {
    return run_opened(session, opened->resumed ? &*opened->resumed : nullptr);
  } catch (...) {  // while the log is open
    session.stop->ignore();
    session.log->end_stage();
    return end_job(explain(std::current_exception()), environment,
                   [&](const std::string& text) { session.log->failure(text); });
  }
}

}  // namespace filigree::launch
