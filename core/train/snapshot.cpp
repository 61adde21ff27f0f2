#include "core/train/snapshot.h"

#include <ATen/core/grad_mode.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/adapt/adapter.h"
#include "core/error.h"
#include "core/prune/plan.h"
#include "core/prune/unstructured.h"
#include "core/recipe/load.h"
#include "core/train/first_rank.h"
#include "core/train/resume.h"

namespace filigree::train {
namespace {

bool belongs_in_checkpoint(const nn::Parameter& parameter, const RunState& state) {
  return parameter.role == nn::Role::buffer || parameter.role == nn::Role::mask ||
         state.touched.contains(parameter.name);
}

checkpoint::NamedTensors trained_tensors(const Session& session) {
  checkpoint::NamedTensors tensors;
  for (const auto& parameter : session.model->parameters())
    if (belongs_in_checkpoint(*parameter, session.state))
      tensors.emplace_back(parameter->name, parameter->value.detach());
  return tensors;
}

checkpoint::NamedTensors optimizer_tensors(const optim::FlatAdamW& optimizer) {
  checkpoint::NamedTensors tensors;
  for (const auto& moments : optimizer.moments()) {
    tensors.emplace_back("m:" + moments.name, moments.m);
    tensors.emplace_back("v:" + moments.name, moments.v);
  }
  return tensors;
}

nlohmann::json state_json(const Session& session, const optim::FlatAdamW* optimizer) {
  return {{"run", to_json(session.state)},
          {"recipe", recipe::to_yaml(session.recipe)},
          {"decisive", decisive_recipe(session.recipe)},
          {"base", session.base_hash},
          {"data", data_hash(session)},
          {"labels", session.train_data.label_names},
          {"metrics_lines", session.log->lines()},
          {"optimizer_steps", optimizer ? optimizer->steps() : 0}};
}

void write(Session& session, const optim::FlatAdamW* optimizer, bool best) {
  checkpoint::CheckpointData data;
  data.step = session.state.global_step;
  data.state = state_json(session, optimizer);
  data.files.emplace_back("trained", trained_tensors(session));
  if (optimizer) data.files.emplace_back("optimizer", optimizer_tensors(*optimizer));
  session.store->save(data);
  if (best) session.store->mark_best(data.step);
}

void replay_mask(nn::Model& model, const nlohmann::json& names, const checkpoint::Loaded& loaded) {
  for (auto* linear : model.linears()) {
    const std::string name = linear->name() + ".mask";
    if (std::find(names.begin(), names.end(), name) == names.end()) continue;
    prune::put_mask(model, *linear, loaded.tensor("trained", name));
  }
}

void replay(Session& session, const checkpoint::Loaded& loaded) {
  for (const auto& event : session.state.events) {
    const auto& stage = session.recipe.stages.at(static_cast<size_t>(event.stage));
    switch (event.kind) {
      case Event::Kind::attach:
        session.method = session.plugins->methods.make(*stage.method);
        session.method->attach(*session.model,
                               {static_cast<uint64_t>(session.recipe.seed), &session.mesh->world(), /*resume=*/true});
        session.model->parameters().set_frozen_dtype(session.compute);
        break;
      case Event::Kind::prune:
        prune::apply(*session.model, prune::plan_from_json(event.plan));
        break;
      case Event::Kind::mask:
        replay_mask(*session.model, event.plan, loaded);
        break;
    }
  }
}

/// How many entries of S2 a structured prune left depends on their places, which only the checkpoint knows.
void take_shapes(nn::Model& model, const checkpoint::Loaded& loaded) {
  for (auto* linear : model.linears())
    if (linear->adapter())
      linear->adapter()->take_shapes([&](const std::string& name) { return loaded.tensor("trained", name); });
}

void overwrite_values(Session& session, const checkpoint::Loaded& loaded) {
  at::NoGradGuard no_grad;
  take_shapes(*session.model, loaded);
  for (const auto& parameter : session.model->parameters()) {
    if (!belongs_in_checkpoint(*parameter, session.state)) continue;
    const auto& saved = loaded.tensor("trained", parameter->name);
    if (saved.sizes() != parameter->value.sizes())
      throw DataError(fmt::format("{}: {} has shape {}, but the model at this point has {}", loaded.info.path,
                                  parameter->name, fmt::join(saved.sizes(), "x"),
                                  fmt::join(parameter->value.sizes(), "x")));
    parameter->value.copy_(saved);
  }
}

}  // namespace

std::string data_hash(const Session& session) { return fmt::format("{:016x}", session.train_data.hash()); }

void save_checkpoint(Session& session, const optim::FlatAdamW* optimizer, bool best) {
  on_first_rank(session, [&] { write(session, optimizer, best); });
}

void check_space(Session& session, const optim::FlatAdamW& optimizer) {
  uint64_t bytes = 0;
  for (const auto& tensors : {trained_tensors(session), optimizer_tensors(optimizer)})
    for (const auto& [name, tensor] : tensors) bytes += static_cast<uint64_t>(tensor.numel()) * tensor.element_size();
  on_first_rank(session, [&] { session.store->check_space(bytes); });
}

void check_origin(const Session& session, const checkpoint::Loaded& loaded) {
  const auto& state = loaded.state;
  const std::string base = state.value("base", "");
  if (base != session.base_hash)
    throw DataError(
        fmt::format("{}: was trained on other base weights ({}) than model.path has now ({}). Point model.path at "
                    "the same weights, or start anew with --resume never and another --out",
                    loaded.info.path, base, session.base_hash));
  if (state.value("data", "") != data_hash(session))
    throw DataError(
        fmt::format("{}: was trained on another training set than this recipe's; the data files, their order or "
                    "the tokenizer changed",
                    loaded.info.path));
}

void restore_model(Session& session, const checkpoint::Loaded& loaded) {
  session.state = run_state_from(loaded.state.at("run"));
  replay(session, loaded);
  overwrite_values(session, loaded);
}

void restore_optimizer(optim::FlatAdamW& optimizer, const checkpoint::Loaded& loaded) {
  std::vector<optim::FlatAdamW::Moments> moments;
  for (const auto& extent : optimizer.extents()) {
    const auto& name = extent.parameter->name;
    moments.push_back({name, loaded.tensor("optimizer", "m:" + name), loaded.tensor("optimizer", "v:" + name)});
  }
  optimizer.load(moments, loaded.state.at("optimizer_steps").get<int64_t>());
}

}  // namespace filigree::train
