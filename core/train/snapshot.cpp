#include "core/train/snapshot.h"

#include <ATen/core/grad_mode.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/adapt/adapter.h"
#include "core/error.h"
#include "core/prune/plan.h"
#include "core/prune/rebalance.h"
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

/// A tensor of a checkpoint, named, with the parameter that says how it is divided over the ranks.
struct Item {
  std::string name;
  at::Tensor value;
  const nn::Parameter* parameter = nullptr;
};

std::vector<Item> trained_items(const Session& session) {
  std::vector<Item> items;
  for (const auto& parameter : session.model->parameters())
    if (belongs_in_checkpoint(*parameter, session.state))
      items.push_back({parameter->name, parameter->value.detach(), parameter.get()});
  return items;
}

std::vector<Item> optimizer_items(const optim::FlatAdamW& optimizer) {
  std::vector<Item> items;
  const auto moments = optimizer.moments();
  for (size_t i = 0; i < moments.size(); ++i) {
    const nn::Parameter* parameter = optimizer.extents()[i].parameter.get();
    items.push_back({"m:" + moments[i].name, moments[i].m, parameter});
    items.push_back({"v:" + moments[i].name, moments[i].v, parameter});
  }
  return items;
}

/// The items that this rank writes: of those that several ranks hold alike each rank takes its turn.
void add_own(const dist::Mesh& mesh, const std::vector<Item>& items, const std::string& stem,
             checkpoint::CheckpointData& data) {
  checkpoint::NamedTensors own;
  for (size_t i = 0; i < items.size(); ++i) {
    const nn::Placement& placement = items[i].parameter->placement;
    const dist::Communicator& holders = placement.replicated() ? mesh.world() : mesh.dp();
    if (i % static_cast<size_t>(holders.size()) != static_cast<size_t>(holders.rank())) continue;
    own.emplace_back(items[i].name, items[i].value);
    if (!placement.replicated())
      data.parts[items[i].name] = {placement.dim, placement.slice, items[i].parameter->logical_shape};
  }
  data.files.emplace_back(stem, std::move(own));
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

/// What a rank has to say of its files: their entries in the manifest, or why it could not write them.
std::string write_own(Session& session, const checkpoint::CheckpointData& data, const std::string& folder) {
  const auto& world = session.mesh->world();
  nlohmann::json said = nlohmann::json::object();
  try {
    said["files"] = nlohmann::json::array();
    for (const auto& file : checkpoint::write_files(data, folder, world.rank(), world.size()))
      said["files"].push_back(nlohmann::json(to_json(file)));
  } catch (const UserError& error) {
    said["problem"] = error.what();
  }
  return said.dump();
}

/// Rank 0 makes a checkpoint of what the ranks have written.
void commit(Session& session, const checkpoint::CheckpointData& data, const nlohmann::json& state,
            const std::vector<std::string>& said) {
  std::vector<checkpoint::ManifestFile> files;
  try {
    for (const auto& text : said) {
      const auto json = nlohmann::json::parse(text);
      if (json.contains("problem")) throw DataError(json["problem"].get<std::string>());
      for (const auto& file : json["files"]) files.push_back(checkpoint::manifest_file_from(file));
    }
    session.store->commit(data.step, state, files);
  } catch (const UserError& error) {
    session.store->give_up(data.step, data.bytes(), error.what());
  }
}

/// The part of a saved tensor that a placement holds.
at::Tensor own_part(const checkpoint::Loaded& loaded, const std::string& file, const std::string& name,
                    const nn::Placement& placement) {
  if (placement.replicated()) return loaded.tensor(file, name);
  return loaded.lines(file, name, placement.dim, placement.slice);
}

void replay_mask(nn::Model& model, const nlohmann::json& names, const checkpoint::Loaded& loaded) {
  for (auto* linear : model.linears()) {
    const std::string name = linear->name() + ".mask";
    if (std::find(names.begin(), names.end(), name) == names.end()) continue;
    const nn::Placement& placement = linear->weight()->placement;
    prune::put_mask(model, *linear, own_part(loaded, "trained", name, placement));
  }
}

void replay(Session& session, const checkpoint::Loaded& loaded) {
  for (const auto& event : session.state.events) {
    const auto& stage = session.recipe.stages.at(static_cast<size_t>(event.stage));
    switch (event.kind) {
      case Event::Kind::attach:
        session.method = session.plugins->methods.make(*stage.method);
        session.method->attach(*session.model, {static_cast<uint64_t>(session.recipe.seed), &session.mesh->world(),
                                                /*resume=*/true, session.tensor()});
        session.model->parameters().set_frozen_dtype(session.compute);
        break;
      case Event::Kind::prune:
        prune::apply(*session.model, prune::plan_from_json(event.plan));
        if (dist::Communicator* tp = session.tensor()) prune::rebalance(*session.model, *tp);
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
    const auto shape = loaded.shape("trained", parameter->name);
    if (shape != parameter->logical_shape)
      throw DataError(fmt::format("{}: {} has shape {}, but the model at this point has {}", loaded.info.path,
                                  parameter->name, fmt::join(shape, "x"), fmt::join(parameter->logical_shape, "x")));
    parameter->value.copy_(own_part(loaded, "trained", parameter->name, parameter->placement));
  }
}

}  // namespace

std::string data_hash(const Session& session) { return fmt::format("{:016x}", session.train_data.hash()); }

void save_checkpoint(Session& session, const optim::FlatAdamW* optimizer, bool best) {
  auto& world = session.mesh->world();
  checkpoint::CheckpointData data;
  data.step = session.state.global_step;
  add_own(*session.mesh, trained_items(session), "trained", data);
  if (optimizer) add_own(*session.mesh, optimizer_items(*optimizer), "optimizer", data);
  std::string folder;
  on_first_rank(session, [&] {
    try {
      folder = session.store->begin(data.step);
    } catch (const UserError& error) {
      session.store->give_up(data.step, data.bytes(), error.what());
    }
  });
  folder = world.broadcast_text(folder);
  const auto said = world.all_gather_text(write_own(session, data, folder));
  on_first_rank(session, [&] {
    commit(session, data, state_json(session, optimizer), said);
    if (best) session.store->mark_best(data.step);
  });
}

void check_space(Session& session, const optim::FlatAdamW& optimizer) {
  uint64_t bytes = 0;
  for (const auto& items : {trained_items(session), optimizer_items(optimizer)})
    for (const auto& item : items)
      bytes += static_cast<uint64_t>(item.parameter->logical_numel()) * item.value.element_size();
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
    const auto moment = [&](const char* which) {
      return own_part(loaded, "optimizer", which + name, extent.parameter->placement);
    };
    moments.push_back({name, moment("m:"), moment("v:")});
  }
  optimizer.load(moments, loaded.state.at("optimizer_steps").get<int64_t>());
}

}  // namespace filigree::train
