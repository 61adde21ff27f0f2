#include "core/train/snapshot.h"

#include <ATen/core/grad_mode.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "core/adapt/adapter.h"
#include "core/error.h"
#include "core/files/json.h"
#include "core/prune/plan.h"
#include "core/prune/rebalance.h"
#include "core/prune/unstructured.h"
#include "core/recipe/load.h"
#include "core/train/first_rank.h"
#include "core/train/resume.h"
#include "core/train/saved_state.h"

namespace filigree::train {
namespace {

bool belongs_in_checkpoint(const nn::Parameter& parameter, const RunState& state) {
  return parameter.role == nn::Role::buffer || parameter.role == nn::Role::mask ||
         state.touched.contains(parameter.name);
}

/// A tensor of a checkpoint, named, with the parameter that says how it is divided over the ranks.
struct Item {
  std::string name;
  const nn::Parameter* parameter = nullptr;
  at::Tensor moment = {};  ///< undefined: the parameter's own values

  uint64_t element_size() const { return moment.defined() ? moment.element_size() : parameter->element_size(); }
  /// Collective when the parameter is shared out: then the tensor is one of many in a gathered buffer.
  at::Tensor value() const { return moment.defined() ? moment : parameter->gather().detach(); }
};

std::vector<Item> trained_items(const Session& session) {
  std::vector<Item> items;
  for (const auto& parameter : session.model->parameters())
    if (belongs_in_checkpoint(*parameter, session.state)) items.push_back({parameter->name, parameter.get()});
  return items;
}

std::vector<Item> optimizer_items(const optim::FlatAdamW& optimizer) {
  std::vector<Item> items;
  const auto moments = optimizer.moments();
  for (size_t i = 0; i < moments.size(); ++i) {
    const nn::Parameter* parameter = optimizer.extents()[i].parameter.get();
    items.push_back({"m:" + moments[i].name, parameter, moments[i].m});
    items.push_back({"v:" + moments[i].name, parameter, moments[i].v});
  }
  return items;
}

/// The items that this rank writes: of those that several ranks hold alike each rank takes its turn. Collective.
void add_own(const dist::Mesh& mesh, const std::vector<Item>& items, const std::string& stem,
             checkpoint::CheckpointData& data) {
  checkpoint::NamedTensors own;
  for (size_t i = 0; i < items.size(); ++i) {
    const nn::Placement& placement = items[i].parameter->placement;
    const at::Tensor value = items[i].value();  // all ranks take part in a gather, whichever writes
    const dist::Communicator& holders = placement.replicated() ? mesh.world() : mesh.dp();
    if (i % static_cast<size_t>(holders.size()) != static_cast<size_t>(holders.rank())) continue;
    own.emplace_back(items[i].name, items[i].parameter->shared_out() ? value.clone() : value);
    if (!placement.replicated())
      data.parts[items[i].name] = {placement.dim, placement.slice, items[i].parameter->logical_shape};
  }
  data.files.emplace_back(stem, std::move(own));
}

SavedState state_of(const Session& session, const optim::FlatAdamW* optimizer) {
  SavedState state;
  state.run = session.state;
  state.recipe = recipe::to_yaml(session.recipe);
  state.decisive = decisive_recipe(session.recipe);
  state.origin = session.origin;
  state.labels = session.train_data.label_names;
  state.metrics_lines = session.log->lines();
  state.metrics_digest = session.log->digest();
  state.optimizer_steps = optimizer ? optimizer->steps() : 0;
  return state;
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
  return said.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
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

void replay_mask(Session& session, const Event& event, const checkpoint::Loaded& loaded) {
  std::set<std::string> names = event.plan.get<std::set<std::string>>();
  for (auto* linear : session.model->linears()) {
    const std::string name = linear->name() + ".mask";
    if (names.erase(name) == 0) continue;
    const nn::Placement& placement = linear->weight()->placement;
    if (loaded.shape("trained", name) != linear->weight()->logical_shape)
      throw DataError(fmt::format("the mask {} has another shape than its weight", name));
    prune::put_mask(*session.model, *linear, own_part(loaded, "trained", name, placement));
  }
  if (!names.empty()) throw DataError(fmt::format("the model has no linear with the mask {}", *names.begin()));
}

void replay_prune(Session& session, const Event& event) {
  prune::apply(*session.model, prune::plan_from_json(event.plan));
  if (dist::Communicator* tp = session.tensor()) prune::rebalance(*session.model, *tp);
}

void replay_attach(Session& session, const Event& event) {
  const auto& stage = session.recipe.stages.at(static_cast<size_t>(event.stage));
  session.method = session.plugins->methods.make(*stage.method);
  session.method->attach(*session.model, {static_cast<uint64_t>(session.recipe.seed), &session.mesh->world(),
                                          /*resume=*/true, session.tensor()});
  session.model->parameters().set_frozen_dtype(session.compute);
}

void replay(Session& session, const checkpoint::Loaded& loaded) {
  for (size_t i = 0; i < session.state.events.size(); ++i) {
    const Event& event = session.state.events[i];
    const std::string where =
        fmt::format("{}/{}: state.run.events[{}].plan", loaded.info.path, checkpoint::kManifestName, i);
    try {
      if (event.kind == Event::Kind::attach) replay_attach(session, event);
      if (event.kind == Event::Kind::prune) replay_prune(session, event);
      if (event.kind == Event::Kind::mask) files::take_values(where, [&] { replay_mask(session, event, loaded); });
    } catch (const DataError& error) {
      throw DataError(fmt::format("{}: {}", where, error.what()));
    }
  }
}

/// How many entries of S2 a structured prune left depends on their places, which only the checkpoint knows.
void take_shapes(nn::Model& model, const checkpoint::Loaded& loaded) {
  for (auto* linear : model.linears())
    if (linear->adapter())
      linear->adapter()->take_shapes([&](const std::string& name) { return loaded.tensor("trained", name); });
}

/// Every tensor of the checkpoint has its parameter: none that was trained is passed over.
void check_all_used(const Session& session, const checkpoint::Loaded& loaded) {
  for (const std::string& name : loaded.names("trained")) {
    const nn::ParameterPtr parameter = session.model->parameters().find(name);
    if (!parameter || !belongs_in_checkpoint(*parameter, session.state))
      throw DataError(
          fmt::format("{}: holds '{}', which is not among the parameters that its state or the recipe names",
                      loaded.info.path, name));
  }
  if (loaded.version < checkpoint::kManifestVersion)
    return;  // before 3 a state named parameters of methods that were replaced
  for (const std::string& name : session.state.touched)
    if (!session.model->parameters().find(name))
      throw DataError(fmt::format("{}/{}: state.run.touched: '{}' is no parameter of the model", loaded.info.path,
                                  checkpoint::kManifestName, name));
}

void check_shape(const std::vector<int64_t>& found, const nn::Parameter& parameter, const std::string& name,
                 const checkpoint::Loaded& loaded) {
  if (found != parameter.logical_shape)
    throw DataError(fmt::format("{}: {} has shape {}, but the model at this point has {}", loaded.info.path, name,
                                fmt::join(found, "x"), fmt::join(parameter.logical_shape, "x")));
}

void overwrite_values(Session& session, const checkpoint::Loaded& loaded) {
  at::NoGradGuard no_grad;
  check_all_used(session, loaded);
  take_shapes(*session.model, loaded);
  for (const auto& parameter : session.model->parameters()) {
    if (!belongs_in_checkpoint(*parameter, session.state)) continue;
    check_shape(loaded.shape("trained", parameter->name), *parameter, parameter->name, loaded);
    parameter->value().copy_(own_part(loaded, "trained", parameter->name, parameter->placement));
  }
}

/// A method that is attached in place of another removes parameters.
void forget_removed(Session& session) {
  std::erase_if(session.state.touched,
                [&](const std::string& name) { return !session.model->parameters().find(name); });
}

/// Evaluation data decide which checkpoint is the best, but no number of the training.
void note_changed_evaluation(const Session& session, const SavedState& saved, const std::string& checkpoint) {
  for (const auto& [split, hash] : session.origin.eval) {
    const auto before = saved.origin.eval.find(split);
    if (before != saved.origin.eval.end() && before->second != hash && session.first_rank())
      fmt::print(
          stderr,
          "note: the {} set has changed since {}: results before and after it are of different data, and the best "
          "checkpoint is chosen over both\n",
          split, checkpoint);
  }
}

}  // namespace

void save_checkpoint(Session& session, const optim::FlatAdamW* optimizer, bool best) {
  auto& world = session.mesh->world();
  forget_removed(session);
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
    session.log->sync();
    commit(session, data, to_json(state_of(session, optimizer)), said);
    if (best) session.store->mark_best(data.step);
  });
}

void check_space(Session& session, const optim::FlatAdamW& optimizer) {
  uint64_t bytes = 0;
  for (const auto& items : {trained_items(session), optimizer_items(optimizer)})
    for (const auto& item : items)
      bytes += static_cast<uint64_t>(item.parameter->logical_numel()) * item.element_size();
  on_first_rank(session, [&] { session.store->check_space(bytes); });
}

void check_origin(const Session& session, const checkpoint::Loaded& loaded) {
  const SavedState saved = saved_state(loaded);
  const auto& origin = session.origin;
  const std::string& path = loaded.info.path;
  check_base(origin.base, origin.files, saved.origin, session.recipe.model.path, path);
  if (loaded.version >= checkpoint::kManifestVersion && saved.origin.adapter != origin.adapter)
    throw DataError(
        fmt::format("{}: was trained from another LoRA than {} holds now; restore its files, or start anew "
                    "with --resume never and another --out",
                    path, session.recipe.model.adapter.empty() ? "model.adapter" : session.recipe.model.adapter));
  if (saved.origin.train != origin.train || saved.labels != session.train_data.label_names)
    throw DataError(
        fmt::format("{}: was trained on another training set than this recipe's; the data files, their order or "
                    "the tokenizer changed",
                    path));
  check_fits(saved, session.recipe, saved.decisive == decisive_recipe(session.recipe), session.train_data.size(), path);
  note_changed_evaluation(session, saved, path);
}

void restore_model(Session& session, const checkpoint::Loaded& loaded) {
  session.state = saved_state(loaded).run;
  replay(session, loaded);
  overwrite_values(session, loaded);
}

void restore_optimizer(optim::FlatAdamW& optimizer, const checkpoint::Loaded& loaded) {
  std::vector<optim::FlatAdamW::Moments> moments;
  for (const auto& extent : optimizer.extents()) {
    const auto& name = extent.parameter->name;
    const auto moment = [&](const char* which) {
      check_shape(loaded.shape("optimizer", which + name), *extent.parameter, which + name, loaded);
      return own_part(loaded, "optimizer", which + name, extent.parameter->placement);
    };
    moments.push_back({name, moment("m:"), moment("v:")});
  }
  optimizer.load(moments, saved_state(loaded).optimizer_steps);
}

}  // namespace filigree::train
