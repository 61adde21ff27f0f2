#include "core/run/state/pins.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "core/checkpoint/manifest.h"
#include "core/checkpoint/paths.h"
#include "core/counted.h"
#include "core/error.h"
#include "core/run/rank_zero.h"

namespace filigree::train {
namespace {

namespace fs = std::filesystem;

bool matches(const Pin& pin, int64_t stage, int64_t step) { return pin.stage == stage && pin.stage_step == step; }

/// Whether a stage after `stage` rewinds to `step` of it.
bool is_target(const recipe::Recipe& recipe, int64_t stage, int64_t step) {
  const auto& stages = recipe.stages;
  return std::any_of(stages.begin() + std::min<int64_t>(stage + 1, std::ssize(stages)), stages.end(),
                     [&](const recipe::StageConfig& later) {
                       return later.rewind && later.rewind->step == step &&
                              rewound_stage(recipe, *later.rewind) == stage;
                     });
}

/// Whether the run has gone on from this point.
bool passed(const RunState& state, int64_t stage, int64_t step) {
  return stage < state.stage || (stage == state.stage && step < state.stage_step);
}

void check_pinned(const std::string& path, const recipe::StageConfig& stage) {
  const std::string advice = fmt::format(
      "stage {} rewinds to it; restore its files, or start over with --resume never "
      "and another --out",
      stage.name);
  if (!fs::exists(checkpoint::manifest_path(path))) throw DataError(fmt::format("{}: is missing; {}", path, advice));
  if (const auto fault = checkpoint::find_fault(checkpoint::checkpoint_at(path)))
    throw DataError(fmt::format("{}: {}; {}", path, *fault, advice));
}

}  // namespace

int64_t rewound_stage(const recipe::Recipe& recipe, const recipe::RewindConfig& rewind) {
  const auto found =
      std::ranges::find_if(recipe.stages, [&](const recipe::StageConfig& stage) { return stage.name == rewind.stage; });
  FG_CHECK(found != recipe.stages.end(), "no stage '{}' to rewind to", rewind.stage);
  return found - recipe.stages.begin();
}

std::set<int64_t> pinned_steps(const recipe::Recipe& recipe, const RunState& state) {
  std::set<int64_t> steps;
  for (size_t i = static_cast<size_t>(state.stage); i < recipe.stages.size(); ++i) {
    const auto& rewind = recipe.stages[i].rewind;
    if (!rewind) continue;
    for (const Pin& pin : state.pins)
      if (matches(pin, rewound_stage(recipe, *rewind), rewind->step)) steps.insert(pin.global_step);
  }
  return steps;
}

void keep_pinned(Session& session) {
  on_rank_zero(session.mesh->world(), [&] { session.store->pin(pinned_steps(session.recipe, session.state)); });
}

void pin_if_due(Session& session, const std::function<void()>& save) {
  RunState& state = session.state;
  const bool base = state.stage == 0 && state.stage_step == 0;
  if (base || !is_target(session.recipe, state.stage, state.stage_step)) return;
  if (std::ranges::any_of(state.pins, [&](const Pin& pin) { return matches(pin, state.stage, state.stage_step); }))
    return;
  bool exists = false;
  if (session.is_rank_zero()) {
    const std::string path = session.store->dir() + "/" + checkpoint::directory_name(state.global_step);
    exists = fs::exists(checkpoint::manifest_path(path));
  }
  exists = session.mesh->world().broadcast_text(exists ? "1" : "") == "1";
  if (!exists) save();
  state.pins.push_back({state.stage, state.stage_step, state.global_step});
  keep_pinned(session);
}

std::optional<Pin> pin_of(const Session& session, const recipe::StageConfig& stage) {
  const int64_t target = rewound_stage(session.recipe, *stage.rewind), step = stage.rewind->step;
  if (target == 0 && step == 0) return std::nullopt;
  const auto& pins = session.state.pins;
  const auto pin = std::ranges::find_if(pins, [&](const Pin& one) { return matches(one, target, step); });
  if (pin == pins.end())
    throw DataError(
        fmt::format("stage {}: this run has no checkpoint of stage {} after {} to rewind to: the stage ended "
                    "before that step, or it was trained with a recipe without this rewind. Set rewind.step to "
                    "a step that the stage reaches, and start over with --resume never and another --out",
                    stage.name, stage.rewind->stage, counted(step, "step")));
  return *pin;
}

void bring_pinned(const Session& session, const checkpoint::Loaded& resumed) {
  const fs::path checkpoints = fs::weakly_canonical(resumed.info.path).parent_path();
  const bool own = checkpoints == fs::weakly_canonical(session.store->dir());
  const RunState& state = session.state;
  for (size_t i = static_cast<size_t>(state.stage); i < session.recipe.stages.size(); ++i) {
    const recipe::StageConfig& stage = session.recipe.stages[i];
    if (!stage.rewind || !passed(state, rewound_stage(session.recipe, *stage.rewind), stage.rewind->step)) continue;
    const std::optional<Pin> pin = pin_of(session, stage);
    if (!pin) continue;
    const std::string path = (checkpoints / checkpoint::directory_name(pin->global_step)).string();
    check_pinned(path, stage);
    if (!own) session.store->bring(checkpoint::checkpoint_at(path));
  }
}

}  // namespace filigree::train
