#include "core/run/state/saved_state.h"

#include <algorithm>
#include <set>

#include "core/checkpoint/manifest.h"
#include "core/counted.h"
#include "core/error.h"
#include "core/run/state/fields.h"
#include "core/run/steps.h"

namespace filigree::train {
namespace {

constexpr int kNamesFiles = 3;  // the first version that does

std::string where(const std::string& checkpoint) {
  return fmt::format("{}/{}: state", checkpoint, checkpoint::kManifestName);
}

/// Compares a run state with a recipe's stages.
class Fit {
 public:
  Fit(const RunState& run, const recipe::Recipe& recipe, std::optional<int64_t> samples, std::string where)
      : run_(run), stages_(recipe.stages), samples_(samples), where_(std::move(where)) {}

  /// Checks what holds for any recipe that resumes the run.
  void check_ranges() const {
    const auto count = static_cast<int64_t>(stages_.size());
    if (run_.stage > count)
      fail("stage", fmt::format("is {}, but the recipe has {}", run_.stage, counted(count, "stage")));
    const int64_t steps = run_.stage < count ? steps_of(stage(run_.stage)).value_or(run_.stage_step) : 0;
    if (run_.stage_step > steps)
      fail("stage_step",
           fmt::format("is {}, but {} has {}", run_.stage_step, name(run_.stage), counted(steps, "step")));
    if (run_.global_step < run_.stage_step) fail("global_step", "is less than stage_step");
    if (run_.best && run_.best->step > run_.global_step) fail("best.step", "is greater than global_step");
    check_rounds();
    check_events();
    check_teacher();
    check_pins();
  }

  /// Checks what holds for the recipe that the run was started with.
  void check_counts() const {
    std::optional<int64_t> before = 0;
    for (int64_t i = 0; i < run_.stage; ++i) {
      const auto steps = stage(i).train ? steps_made(i) : stage(i).prune ? stage(i).prune->steps : 0;
      before = before && steps ? std::optional(*before + *steps) : std::nullopt;
      if (stage(i).method) expect_events(i, Event::Kind::attach, 1);
      if (stage(i).prune) expect_events(i, kind_of(*stage(i).prune), stage(i).prune->steps);
    }
    if (before && run_.global_step != *before + run_.stage_step)
      fail("global_step", fmt::format("is {}, but the stages so far have {}", run_.global_step,
                                      counted(*before + run_.stage_step, "step")));
    if (run_.stage < static_cast<int64_t>(stages_.size())) check_present_stage();
  }

 private:
  const recipe::StageConfig& stage(int64_t i) const { return stages_[static_cast<size_t>(i)]; }
  std::string name(int64_t i) const {
    return i < static_cast<int64_t>(stages_.size()) ? fmt::format("stage {}", stage(i).name) : "a finished run";
  }

  /// Optimizer steps of a stage; nothing if they depend on the unknown size of the training set.
  std::optional<int64_t> steps_of(const recipe::StageConfig& stage) const {
    if (!stage.train) return 0;
    if (stage.train->max_steps > 0 || samples_) return stage_steps(*stage.train, samples_.value_or(0));
    return std::nullopt;
  }

  /// Steps of a stage that is done; nothing if its method may have ended it before.
  std::optional<int64_t> steps_made(int64_t i) const {
    for (int64_t j = i; j >= 0; --j) {
      if (!stage(j).method) continue;
      const auto& options = stage(j).method->options;
      if (options && options->may_end_early()) return std::nullopt;
      break;
    }
    return steps_of(stage(i));
  }

  static Event::Kind kind_of(const recipe::PruneConfig& prune) {
    return prune.structure.empty() ? Event::Kind::mask : Event::Kind::prune;
  }

  void check_rounds() const {
    const bool trains = run_.stage < static_cast<int64_t>(stages_.size()) && stage(run_.stage).train;
    const int64_t most = trains && stage(run_.stage).prune ? stage(run_.stage).prune->steps : 0;
    if (run_.prune_rounds > most || (run_.stage_step == 0 && run_.prune_rounds > 0))
      fail("prune_rounds", fmt::format("is {} at step {} of {}", run_.prune_rounds, run_.stage_step, name(run_.stage)));
  }

  void check_events() const {
    int64_t last = 0;
    for (size_t i = 0; i < run_.events.size(); ++i) {
      const Event& event = run_.events[i];
      const std::string key = fmt::format("events[{}].stage", i);
      const bool known = event.stage <= run_.stage && event.stage < static_cast<int64_t>(stages_.size());
      if (!known || event.stage < last)
        fail(key, fmt::format("is {}, which is after the stage in progress or out of order", event.stage));
      last = event.stage;
      const auto& config = stage(event.stage);
      const bool fits = event.kind == Event::Kind::attach
                            ? config.method.has_value()
                            : config.prune.has_value() && kind_of(*config.prune) == event.kind;
      if (!fits) fail(key, fmt::format("is {}, but {} has no event of this kind", event.stage, name(event.stage)));
    }
  }

  void check_teacher() const {
    if (!run_.teacher) return;
    const int64_t i = run_.teacher->stage;
    if (i > run_.stage || i >= static_cast<int64_t>(stages_.size()) || !stage(i).prune)
      fail("teacher.stage", fmt::format("is {}, which is not a prune stage so far", i));
  }

  void check_pins() const {
    for (size_t i = 0; i < run_.pins.size(); ++i) {
      const Pin& pin = run_.pins[i];
      const std::string key = fmt::format("pins[{}].", i);
      if (pin.stage > run_.stage || pin.stage >= static_cast<int64_t>(stages_.size()))
        fail(key + "stage", fmt::format("is {}, which is after the stage in progress", pin.stage));
      if (pin.global_step > run_.global_step || pin.stage_step > pin.global_step)
        fail(key + "global_step", fmt::format("is {}, which does not fit step {}", pin.global_step, run_.global_step));
    }
  }

  void expect_events(int64_t of_stage, Event::Kind kind, int64_t count) const {
    const auto found = std::count_if(run_.events.begin(), run_.events.end(),
                                     [&](const Event& event) { return event.stage == of_stage && event.kind == kind; });
    if (found != count) fail("events", fmt::format("has {} of {}, but {} were expected", found, name(of_stage), count));
  }

  /// A checkpoint is made after a step, or between stages.
  void check_present_stage() const {
    const auto& config = stage(run_.stage);
    const bool begun = run_.stage_step > 0;
    if (config.method) expect_events(run_.stage, Event::Kind::attach, begun ? 1 : 0);
    if (!config.prune) return;
    expect_events(run_.stage, kind_of(*config.prune), run_.prune_rounds);
    const auto total = steps_of(config);
    if (!begun || !total) return;
    int64_t due = 0;
    while (due < config.prune->steps && run_.stage_step > round_step(*config.prune, due, *total)) ++due;
    if (run_.prune_rounds != due)
      fail("prune_rounds", fmt::format("is {} at step {}, but {} are due", run_.prune_rounds, run_.stage_step, due));
  }

  [[noreturn]] void fail(const std::string& key, const std::string& problem) const {
    throw DataError(fmt::format("{}.run.{}: {}; use another checkpoint", where_, key, problem));
  }

  const RunState& run_;
  const std::vector<recipe::StageConfig>& stages_;
  std::optional<int64_t> samples_;
  std::string where_;
};

Origin origin_from(const Fields& fields, int version) {
  Origin origin;
  origin.base = fields.text("base");
  origin.train = fields.text("data");
  if (version < kNamesFiles) return origin;
  origin.files = fields.text_map("base_files");
  origin.adapter = fields.text_map("adapter_files");
  origin.eval = fields.text_map("eval_data");
  return origin;
}

}  // namespace

nlohmann::json to_json(const SavedState& state) {
  return {{"run", to_json(state.run)},
          {"recipe", state.recipe},
          {"decisive", state.decisive},
          {"base", state.origin.base},
          {"base_files", state.origin.files},
          {"adapter_files", state.origin.adapter},
          {"data", state.origin.train},
          {"eval_data", state.origin.eval},
          {"labels", state.labels},
          {"metrics_lines", state.metrics_lines},
          {"metrics_digest", state.metrics_digest},
          {"optimizer_steps", state.optimizer_steps}};
}

SavedState saved_state(const checkpoint::Loaded& loaded) {
  const std::string place = where(loaded.info.path);
  const Fields fields(loaded.state, place);
  SavedState state;
  state.run = run_state_from(fields.at("run"), place + ".run");
  state.recipe = fields.text("recipe");
  state.decisive = fields.text("decisive");
  state.origin = origin_from(fields, loaded.version);
  state.labels = fields.texts("labels");
  state.metrics_lines = fields.count("metrics_lines");
  if (loaded.version >= kNamesFiles) state.metrics_digest = fields.text("metrics_digest");
  state.optimizer_steps = fields.count("optimizer_steps");
  if (state.run.global_step != loaded.info.step)
    fields.object("run").fail(
        "global_step", fmt::format("is {}, but the checkpoint is of step {}", state.run.global_step, loaded.info.step));
  if (state.optimizer_steps != state.run.stage_step)
    fields.fail("optimizer_steps",
                fmt::format("is {}, but stage_step is {}", state.optimizer_steps, state.run.stage_step));
  return state;
}

void check_fits(const SavedState& state, const recipe::Recipe& recipe, bool same_recipe, std::optional<int64_t> samples,
                const std::string& checkpoint) {
  const Fit fit(state.run, recipe, samples, where(checkpoint));
  fit.check_ranges();
  if (same_recipe && !state.run.recipe_changed) fit.check_counts();
}

}  // namespace filigree::train
