#include "core/train/stages/run_stages.h"

#include <ATen/ops/full.h>

#include <algorithm>
#include <filesystem>

#include "core/counted.h"
#include "core/export/peft/import_peft.h"
#include "core/run/state/pins.h"
#include "core/run/state/restore.h"
#include "core/run/state/snapshot.h"
#include "core/train/distill.h"
#include "core/train/evaluate_and_log.h"
#include "core/train/record_model.h"
#include "core/train/stages/export.h"
#include "core/train/stages/prune.h"
#include "core/train/stages/rewind.h"
#include "core/train/step_of.h"

namespace filigree::train {
namespace {

bool attached(const RunState& state, int64_t stage) {
  for (const auto& event : state.events)
    if (event.kind == Event::Kind::attach && event.stage == stage) return true;
  return false;
}

/// Whether a stage from number `first` on trains with `distill`.
bool later_stage_distills(const recipe::Recipe& recipe, int64_t first) {
  return std::any_of(recipe.stages.begin() + first, recipe.stages.end(),
                     [](const recipe::StageConfig& stage) { return stage.train && stage.train->distill; });
}

/// The first method starts from the recipe's adapter of peft.
void start_from_adapter(Session& session) {
  const std::string& dir = session.recipe.model.init_lora;
  const auto is_attach = [](const Event& event) { return event.kind == Event::Kind::attach; };
  if (dir.empty() || std::ranges::any_of(session.state.events, is_attach)) return;
  const checkpoint::PeftLora lora = checkpoint::read_peft(dir);
  checkpoint::continue_from(*session.model, lora, checkpoint::base_classes(*session.model, session.recipe.model.path));
  session.log->info("continuing from the adapter in {}", dir);
  if (!lora.ignored.empty())
    session.log->info("{}: not used, because adapter_config.json excludes their modules: {} ({})", dir,
                      counted(lora.ignored.size(), "tensor"), nn::short_list(lora.ignored));
}

void prepare_prune(Session& session) {
  const auto& state = session.state;
  if (state.stage_step > 0 || state.prune_rounds > 0 || !later_stage_distills(session.recipe, state.stage)) return;
  session.log->info("computing the adapted model's logits on {} for distillation",
                    counted(session.train_data.size(), "sample"));
  cache_teacher_logits(session);
}

void prune_without_training(Session& session, const recipe::StageConfig& stage) {
  while (session.state.prune_rounds < stage.prune->steps) {
    ++session.state.global_step;
    prune_round(session, stage);
    if (session.method) session.method->refresh(*session.model, step_of(session, stage));
  }
  evaluate_and_log(session, stage.name, /*compete=*/false);
}

/// Whether any rank received a signal since its last step. Collective.
bool stop_is_asked(const StopSignal& stop, dist::Communicator& ranks) {
  const at::Tensor asked = at::full({1}, stop.received() != 0 ? 1.0 : 0.0, at::kDouble);
  ranks.all_reduce(asked, dist::ReduceOp::max);
  return asked.item<double>() > 0;
}

/// The prune that precedes it in this stage, then the rewind.
void prune_and_rewind(Session& session, const recipe::StageConfig& stage) {
  while (stage.prune && session.state.prune_rounds < stage.prune->steps) prune_round(session, stage);
  rewind(session, stage);
}

Outcome run_stage(Session& session, const recipe::StageConfig& stage, const checkpoint::Loaded* resumed) {
  if (session.state.stage_step == 0) pin_if_due(session, [&] { save_checkpoint(session, nullptr, false); });
  attach_method(session, stage);
  if (stage.prune) prepare_prune(session);
  if (stage.prune && !stage.train) prune_without_training(session, stage);
  if (stage.rewind && session.state.stage_step == 0) prune_and_rewind(session, stage);
  if (stage.train) {
    Trainer trainer(session, stage);
    if (resumed && session.state.stage_step > 0) restore_optimizer(trainer.optimizer(), *resumed);
    session.stop->defer();
    if (trainer.train() == Outcome::stopped) return Outcome::stopped;
  }
  if (stage.export_config) export_stage(session, *stage.export_config);
  return Outcome::finished;
}

}  // namespace

void attach_method(Session& session, const recipe::StageConfig& stage) {
  if (!stage.method || attached(session.state, session.state.stage)) return;
  session.log->info("stage {}: attaching {}", stage.name, stage.method->name);
  attach_silently(session, stage);
}

void attach_silently(Session& session, const recipe::StageConfig& stage) {
  if (!stage.method || attached(session.state, session.state.stage)) return;
  const size_t masked_before = masked_with_update(*session.model);
  if (session.method) session.method->detach(*session.model);
  session.method = session.registries->methods.make(*stage.method);
  session.method->attach(*session.model,
                         {static_cast<uint64_t>(session.recipe.seed), session.mesh->world(), session.mesh->tp(), false,
                          [&](const std::string& text) { session.log->warn("{}", text); }});
  start_from_adapter(session);
  if (masked_with_update(*session.model) > masked_before) warn_of_dense_sums(session, stage);
  // Cast only now: initialization and support search need the exact weights.
  session.model->parameters().set_frozen_dtype(session.compute);
  session.state.events.push_back({Event::Kind::attach, session.state.stage, {}});
}

Outcome run_stages(Session& session, const checkpoint::Loaded* resumed) {
  auto& state = session.state;
  const auto count = static_cast<int64_t>(session.recipe.stages.size());
  while (state.stage < count) {
    const auto& stage = session.recipe.stages[static_cast<size_t>(state.stage)];
    if (run_stage(session, stage, resumed) == Outcome::stopped) return Outcome::stopped;
    resumed = nullptr;
    ++state.stage;
    state.stage_step = 0;
    state.prune_rounds = 0;
    state.best.reset();
    if (!state.pins.empty()) keep_pinned(session);
    save_checkpoint(session, nullptr, false);
    if (stop_is_asked(*session.stop, session.mesh->world())) {
      session.stop->ignore();
      return Outcome::stopped;
    }
    session.stop->end_at_once();
  }
  record_last_model(session);
  export_final(session);
  session.stop->ignore();
  return Outcome::finished;
}

}  // namespace filigree::train
