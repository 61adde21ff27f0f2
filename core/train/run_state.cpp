#include "core/train/run_state.h"

#include "core/error.h"

namespace filigree::train {
namespace {

const char* name_of(Event::Kind kind) {
  switch (kind) {
    case Event::Kind::attach:
      return "attach";
    case Event::Kind::prune:
      return "prune";
    case Event::Kind::mask:
      return "mask";
  }
  return "";
}

Event::Kind kind_from(const std::string& name) {
  for (auto kind : {Event::Kind::attach, Event::Kind::prune, Event::Kind::mask})
    if (name == name_of(kind)) return kind;
  throw DataError(
      fmt::format("the checkpoint's state names an unknown event '{}'; it was written by another version", name));
}

}  // namespace

nlohmann::json to_json(const RunState& state) {
  nlohmann::json events = nlohmann::json::array();
  for (const auto& event : state.events)
    events.push_back({{"kind", name_of(event.kind)}, {"stage", event.stage}, {"plan", event.plan}});
  nlohmann::json json = {{"stage", state.stage},
                         {"stage_step", state.stage_step},
                         {"global_step", state.global_step},
                         {"prune_rounds", state.prune_rounds},
                         {"events", events},
                         {"touched", state.touched}};
  if (state.best)
    json["best"] = {{"metric", state.best->metric}, {"value", state.best->value}, {"step", state.best->step}};
  return json;
}

RunState run_state_from(const nlohmann::json& json) {
  try {
    RunState state;
    state.stage = json.at("stage").get<int64_t>();
    state.stage_step = json.at("stage_step").get<int64_t>();
    state.global_step = json.at("global_step").get<int64_t>();
    state.prune_rounds = json.at("prune_rounds").get<int64_t>();
    for (const auto& event : json.at("events"))
      state.events.push_back({kind_from(event.at("kind")), event.at("stage").get<int64_t>(), event.at("plan")});
    state.touched = json.at("touched").get<std::set<std::string>>();
    if (json.contains("best")) {
      const auto& best = json.at("best");
      state.best = Best{best.at("metric"), best.at("value").get<double>(), best.at("step").get<int64_t>()};
    }
    return state;
  } catch (const nlohmann::json::exception& e) {
    throw DataError(fmt::format("the checkpoint's state is not as this version writes it: {}", e.what()));
  }
}

}  // namespace filigree::train
