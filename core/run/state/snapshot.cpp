#include "core/run/state/snapshot.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "core/recipe/load.h"
#include "core/run/rank_zero.h"
#include "core/run/resume.h"
#include "core/run/state/saved_state.h"

namespace filigree::train {
namespace {

/// A named tensor of a checkpoint, with the parameter that defines how it is sharded over the ranks.
struct Item {
  std::string name;
  const nn::Parameter* parameter = nullptr;
  at::Tensor moment = {};  ///< undefined: the parameter's own values

  uint64_t element_size() const { return moment.defined() ? moment.element_size() : parameter->element_size(); }
  /// Collective if the parameter is sharded: then the tensor is one of many in a gathered buffer.
  at::Tensor value() const { return moment.defined() ? moment : parameter->gather().detach(); }
};

std::vector<Item> trained_items(nn::Model& model, const RunState& state) {
  std::vector<Item> items;
  for (const auto& parameter : model.parameters())
    if (belongs_in_checkpoint(*parameter, state)) items.push_back({parameter->name, parameter.get()});
  return items;
}

std::vector<Item> optimizer_items(const optim::Optimizer& optimizer) {
  std::vector<Item> items;
  const auto state = optimizer.state();
  for (size_t i = 0; i < state.size(); ++i) {
    const nn::Parameter* parameter = optimizer.extents()[i / optimizer.slots().size()].parameter.get();
    items.push_back({state[i].slot + ":" + state[i].parameter, parameter, state[i].values});
  }
  return items;
}

/// Adds the items that this rank writes; ranks that hold the same items take turns. Collective.
void add_own(const dist::Mesh& mesh, const std::vector<Item>& items, const std::string& stem,
             checkpoint::CheckpointData& data) {
  checkpoint::NamedTensors own;
  for (size_t i = 0; i < items.size(); ++i) {
    const nn::Placement& placement = items[i].parameter->placement;
    const at::Tensor value = items[i].value();  // all ranks take part in a gather, whichever one writes
    const dist::Communicator& holders = placement.replicated() ? mesh.world() : mesh.dp();
    if (i % static_cast<size_t>(holders.size()) != static_cast<size_t>(holders.rank())) continue;
    own.emplace_back(items[i].name, items[i].parameter->is_sharded() ? value.clone() : value);
    if (!placement.replicated())
      data.parts[items[i].name] = {placement.dim, placement.slice, items[i].parameter->logical_shape};
  }
  data.files.emplace_back(stem, std::move(own));
}

SavedState state_of(const Session& session, const optim::Optimizer* optimizer) {
  SavedState state;
  state.run = session.state;
  state.recipe = recipe::to_yaml(session.recipe);
  state.decisive = run_recipe(session.recipe);
  state.origin = session.origin;
  state.labels = session.train_data.label_names;
  state.metrics_lines = session.log->lines();
  state.metrics_digest = session.log->digest();
  state.optimizer_steps = optimizer ? optimizer->steps() : 0;
  return state;
}

/// Writes this rank's files. Returns their entries in the manifest, or why they could not be written.
std::string write_own(const dist::Communicator& world, const checkpoint::CheckpointData& data,
                      const std::string& folder) {
  nlohmann::json reports = nlohmann::json::object();
  try {
    reports["files"] = nlohmann::json::array();
    for (const auto& file : checkpoint::write_files(data, folder, world.rank(), world.size()))
      reports["files"].push_back(nlohmann::json(to_json(file)));
  } catch (const UserError& error) {
    reports["problem"] = error.what();
  }
  return reports.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// Rank 0 makes a checkpoint of the ranks' files.
void commit(checkpoint::CheckpointStore& store, const checkpoint::CheckpointData& data, const nlohmann::json& state,
            const std::vector<std::string>& reports) {
  std::vector<checkpoint::ManifestFile> files;
  try {
    for (const auto& text : reports) {
      const auto json = nlohmann::json::parse(text);
      if (json.contains("problem")) throw DataError(json["problem"].get<std::string>());
      for (const auto& file : json["files"]) files.push_back(checkpoint::manifest_file_from(file));
    }
    store.commit(data.step, state, files);
  } catch (const UserError& error) {
    store.give_up(data.step, data.bytes(), error.what());
  }
}

/// A method that replaces another one removes parameters.
void forget_removed(RunState& state, nn::Model& model) {
  std::erase_if(state.touched, [&](const std::string& name) { return !model.parameters().find(name); });
}

}  // namespace

bool belongs_in_checkpoint(const nn::Parameter& parameter, const RunState& state) {
  return parameter.role == nn::Role::buffer || parameter.role == nn::Role::mask ||
         state.touched.contains(parameter.name);
}

void save_checkpoint(Session& session, const optim::Optimizer* optimizer, bool best) {
  auto& world = session.mesh->world();
  forget_removed(session.state, *session.model);
  checkpoint::CheckpointData data;
  data.step = session.state.global_step;
  add_own(*session.mesh, trained_items(*session.model, session.state), "trained", data);
  if (optimizer) add_own(*session.mesh, optimizer_items(*optimizer), "optimizer", data);
  std::string folder;
  on_rank_zero(session.mesh->world(), [&] {
    try {
      folder = session.store->begin(data.step);
    } catch (const UserError& error) {
      session.store->give_up(data.step, data.bytes(), error.what());
    }
  });
  folder = world.broadcast_text(folder);
  const auto reports = world.all_gather_text(write_own(world, data, folder));
  on_rank_zero(session.mesh->world(), [&] {
    session.log->sync();
    commit(*session.store, data, to_json(state_of(session, optimizer)), reports);
    if (best) session.store->mark_best(data.step);
  });
}

void check_space(Session& session, const optim::Optimizer& optimizer) {
  uint64_t bytes = 0;
  for (const auto& items : {trained_items(*session.model, session.state), optimizer_items(optimizer)})
    for (const auto& item : items)
      bytes += static_cast<uint64_t>(item.parameter->logical_numel()) * item.element_size();
  on_rank_zero(session.mesh->world(), [&] { session.store->check_space(bytes); });
}

}  // namespace filigree::train
