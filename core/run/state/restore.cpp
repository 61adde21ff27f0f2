#include "core/run/state/restore.h"

#include <ATen/core/grad_mode.h>
#include <fmt/ranges.h>

#include <cstdio>

#include "core/adapt/learned_mask.h"
#include "core/checkpoint/manifest.h"
#include "core/error.h"
#include "core/files/json.h"
#include "core/nn/adapter.h"
#include "core/prune/plan.h"
#include "core/prune/rebalance.h"
#include "core/prune/unstructured.h"
#include "core/run/resume.h"
#include "core/run/state/saved_state.h"
#include "core/run/state/snapshot.h"

namespace filigree::train {
namespace {

/// The slice of a saved tensor that a placement holds.
at::Tensor own_part(const checkpoint::Loaded& loaded, const std::string& file, const std::string& name,
                    const nn::Placement& placement) {
  if (placement.replicated()) return loaded.tensor(file, name);
  return loaded.lines(file, name, placement.dim, placement.slice);
}

void replay_prune(const RestoreTarget& target, const Event& event) {
  prune::apply(target.model, prune::plan_from_json(event.plan));
  prune::rebalance(target.model, target.mesh.tp());
}

void replay_attach(const RestoreTarget& target, const Event& event) {
  const auto& stage = target.recipe.stages.at(static_cast<size_t>(event.stage));
  if (target.method) target.method->detach(target.model);
  target.method = target.registries.methods.make(*stage.method);
  target.method->attach(target.model, {static_cast<uint64_t>(target.recipe.seed), target.mesh.world(), target.mesh.tp(),
                                       /*resume=*/true});
  target.model.parameters().set_frozen_dtype(target.compute);
}

void replay_all(const RestoreTarget& target, const checkpoint::Loaded& loaded) {
  for (size_t i = 0; i < target.state.events.size(); ++i) {
    const std::string where =
        fmt::format("{}/{}: state.run.events[{}].plan", loaded.info.path, checkpoint::kManifestName, i);
    files::take_values(where, [&] {
      try {
        replay(target, target.state.events[i]);
      } catch (const DataError& error) {
        throw DataError(fmt::format("{}: {}", where, error.what()));
      }
    });
  }
}

/// How many entries of S2 a structured prune kept depends on their positions, which only the checkpoint contains.
void take_shapes(nn::Model& model, const checkpoint::Loaded& loaded) {
  for (auto* linear : model.linears())
    if (linear->adapter())
      linear->adapter()->take_shapes([&](const std::string& name) { return loaded.tensor("trained", name); });
}

/// Checks that every tensor of the checkpoint has a parameter, so that no trained tensor is skipped.
void check_all_used(const RestoreTarget& target, const checkpoint::Loaded& loaded) {
  for (const std::string& name : loaded.names("trained")) {
    const nn::ParameterPtr parameter = target.model.parameters().find(name);
    if (!parameter || !belongs_in_checkpoint(*parameter, target.state))
      throw DataError(
          fmt::format("{}: contains '{}', which is not among the parameters that its state or the recipe names",
                      loaded.info.path, name));
  }
  if (loaded.version < checkpoint::kManifestVersion)
    return;  // before 3 a state also listed parameters of replaced methods
  for (const std::string& name : target.state.touched)
    if (!target.model.parameters().find(name))
      throw DataError(fmt::format("{}/{}: state.run.touched: '{}' is not a parameter of the model", loaded.info.path,
                                  checkpoint::kManifestName, name));
}

void check_shape(const std::vector<int64_t>& found, const nn::Parameter& parameter, const std::string& name,
                 const checkpoint::Loaded& loaded) {
  if (found != parameter.logical_shape)
    throw DataError(fmt::format("{}: {} has shape {}, but the model at this point has {}", loaded.info.path, name,
                                fmt::join(found, "x"), fmt::join(parameter.logical_shape, "x")));
}

void overwrite_values(const RestoreTarget& target, const checkpoint::Loaded& loaded) {
  at::NoGradGuard no_grad;
  check_all_used(target, loaded);
  take_shapes(target.model, loaded);
  for (const auto& parameter : target.model.parameters()) {
    if (!belongs_in_checkpoint(*parameter, target.state)) continue;
    check_shape(loaded.shape("trained", parameter->name), *parameter, parameter->name, loaded);
    parameter->value().copy_(own_part(loaded, "trained", parameter->name, parameter->placement));
  }
  for (nn::Linear* linear : target.model.linears())
    if (linear->mask()) linear->set_mask(linear->mask());  // multiplies a frozen weight by the restored mask
  adapt::refresh_masks(target.model, target.mesh.tp());
}

bool has_same_recipe(const SavedState& saved, const recipe::Recipe& recipe, const Registries& registries) {
  return saved_decisive(saved.decisive, registries.catalog()) == decisive_recipe(recipe);
}

}  // namespace

void check_origin(const Session& session, const checkpoint::Loaded& loaded) {
  const SavedState saved = saved_state(loaded);
  const auto& origin = session.origin;
  const std::string& path = loaded.info.path;
  check_base(origin.base, origin.files, saved.origin, session.recipe.model.path, path);
  if (loaded.version >= checkpoint::kManifestVersion && saved.origin.adapter != origin.adapter)
    throw DataError(
        fmt::format("{}: was trained from a different LoRA than {} contains now; restore its files, or start over "
                    "with --resume never and another --out",
                    path, session.recipe.model.init_lora.empty() ? "model.init_lora" : session.recipe.model.init_lora));
  if (saved.origin.train != origin.train || saved.labels != session.train_data.label_names)
    throw DataError(
        fmt::format("{}: was trained on a different training set than this recipe's; the data files, their order or "
                    "the tokenizer changed",
                    path));
  check_fits(saved, session.recipe, has_same_recipe(saved, session.recipe, *session.registries),
             session.train_data.size(), path);
}

void warn_of_changed_evaluation(const Session& session, const checkpoint::Loaded& loaded) {
  const SavedState saved = saved_state(loaded);
  for (const auto& [split, hash] : session.origin.eval) {
    const auto before = saved.origin.eval.find(split);
    if (before != saved.origin.eval.end() && before->second != hash)
      session.log->warn(
          "the {} set has changed since {}: results before and after it are of different data, and the best checkpoint "
          "is chosen from both",
          split, loaded.info.path);
  }
}

RestoreTarget restore_target(Session& session) {
  return {session.recipe, *session.registries, *session.mesh, session.compute,
          *session.model, session.method,      session.state};
}

void replay(const RestoreTarget& target, const Event& event) {
  if (event.kind == Event::Kind::attach) replay_attach(target, event);
  if (event.kind == Event::Kind::prune) replay_prune(target, event);
  // Later events cut the masks with their weights, as in the uninterrupted run; they get their values at the end.
  if (event.kind == Event::Kind::mask) prune::add_masks(target.model, event.plan);
}

void restore_model(const RestoreTarget& target, const checkpoint::Loaded& loaded) {
  const SavedState saved = saved_state(loaded);
  target.state = saved.run;
  target.state.recipe_changed |= !has_same_recipe(saved, target.recipe, target.registries);
  replay_all(target, loaded);
  overwrite_values(target, loaded);
}

void restore_optimizer(optim::Optimizer& optimizer, const checkpoint::Loaded& loaded) {
  std::vector<optim::Optimizer::State> state;
  for (const auto& extent : optimizer.extents()) {
    for (const std::string& slot : optimizer.slots()) {
      const std::string name = slot + ":" + extent.parameter->name;
      check_shape(loaded.shape("optimizer", name), *extent.parameter, name, loaded);
      state.push_back({slot, extent.parameter->name, own_part(loaded, "optimizer", name, extent.parameter->placement)});
    }
  }
  optimizer.load(state, saved_state(loaded).optimizer_steps);
}

}  // namespace filigree::train
