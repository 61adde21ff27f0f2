#include "core/train/stages/rewind.h"

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "core/checkpoint/paths.h"
#include "core/counted.h"
#include "core/error.h"
#include "core/nn/adapter.h"
#include "core/run/base_model.h"
#include "core/run/origin.h"
#include "core/run/rank_zero.h"
#include "core/run/state/pins.h"
#include "core/run/state/restore.h"
#include "core/train/stages/run_stages.h"

namespace filigree::train {
namespace {

/// The pinned checkpoint; nothing for the start of the first stage. Collective.
std::optional<checkpoint::Loaded> pinned(Session& session, const recipe::StageConfig& stage) {
  const std::optional<Pin> pin = pin_of(session, stage);
  if (!pin) return std::nullopt;
  std::string path;
  on_rank_zero(session.mesh->world(), [&] {
    path = session.store->dir() + "/" + checkpoint::directory_name(pin->global_step);
    checkpoint::load(checkpoint::checkpoint_at(path));
  });
  return checkpoint::open_checkpoint(checkpoint::checkpoint_at(session.mesh->world().broadcast_text(path)));
}

/// The run may have trained for hours since it read them.
void check_base_is_the_same(Session& session) {
  const recipe::ModelConfig& model = session.recipe.model;
  const bool random = model.init == recipe::InitialWeights::random;
  check_base(random ? session.origin.base : weights_hash(session.mesh->world(), model.path),
             model_file_hashes(model.path), session.origin, model.path, session.run_dir);
}

std::set<std::string> names_of(nn::Model& model) {
  std::set<std::string> names;
  for (const auto& parameter : model.parameters()) names.insert(parameter->name);
  return names;
}

/// Masks, and the parameters that are not in `earlier`, get their values of the present model.
void keep_present(nn::Model& model, nn::Model& present, const std::set<std::string>& earlier) {
  const at::NoGradGuard no_grad;
  const auto value_of = [&](const std::string& name) { return present.parameters().at(name).value(); };
  for (nn::Linear* linear : model.linears())
    if (linear->adapter() && !earlier.contains(linear->adapter()->parameters().front()->name))
      linear->adapter()->take_shapes(value_of);
  for (const auto& parameter : model.parameters())
    if (parameter->role == nn::Role::mask || !earlier.contains(parameter->name))
      parameter->value().copy_(value_of(parameter->name));
  for (nn::Linear* linear : model.linears())
    if (linear->mask()) linear->set_mask(linear->mask());  // multiplies a frozen weight
}

/// The model as it was then, with the events until then in session.state.
void restore_then(Session& session, const std::optional<checkpoint::Loaded>& loaded, int64_t target) {
  nn::LoadReport known;
  session.model = load_base(session, known);
  session.method = nullptr;
  session.state = {};
  if (loaded) restore_model(restore_target(session), *loaded);
  session.state.stage = target;
  attach_silently(session, session.recipe.stages[static_cast<size_t>(target)]);
}

}  // namespace

void rewind(Session& session, const recipe::StageConfig& stage) {
  const int64_t target = rewound_stage(session.recipe, *stage.rewind);
  const auto loaded = pinned(session, stage);
  if (loaded) check_origin(session, *loaded);
  check_base_is_the_same(session);
  session.log->info("stage {}: the weights return to stage {} after {}", stage.name, stage.rewind->stage,
                    counted(stage.rewind->step, "step"));
  const RunState now = session.state;
  const std::unique_ptr<nn::Model> present = std::move(session.model);
  restore_then(session, loaded, target);
  const size_t known = session.state.events.size();
  FG_CHECK(known <= now.events.size(), "the run has {} events, fewer than it had before", now.events.size());
  const std::set<std::string> earlier = names_of(*session.model);
  session.state = now;
  for (size_t i = known; i < now.events.size(); ++i) replay(restore_target(session), now.events[i]);
  keep_present(*session.model, *present, earlier);
  keep_pinned(session);
}

}  // namespace filigree::train
