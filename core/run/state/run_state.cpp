#include "core/run/state/run_state.h"

#include <fmt/format.h>

#include "core/files/run_paths.h"
#include "core/run/state/fields.h"

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

Event event_from(const Fields& fields) {
  const std::string name = fields.text("kind");
  for (const auto kind : {Event::Kind::attach, Event::Kind::prune, Event::Kind::mask})
    if (name == name_of(kind)) return {kind, fields.count("stage"), fields.at("plan")};
  fields.fail("kind", fmt::format("'{}' is not an event; use one of attach, prune, mask", name));
}

Best best_from(const Fields& fields) {
  return {fields.text("metric"), fields.contains("split") ? fields.text("split") : "", fields.number("value"),
          fields.count("step")};
}

Teacher teacher_from(const Fields& fields) {
  Teacher teacher{fields.count("stage"), fields.text("file"), fields.text("xxh3")};
  if (teacher.file.empty() || teacher.file.find('/') != std::string::npos || teacher.file.starts_with('.'))
    fields.fail("file", fmt::format("'{}' is not a file name", teacher.file));
  return teacher;
}

Pin pin_from(const Fields& fields) {
  return {fields.count("stage"), fields.count("stage_step"), fields.count("global_step")};
}

}  // namespace

std::string teacher_file(const std::string& run_dir, const Teacher& teacher) {
  return files::RunPaths(run_dir).cache() + "/" + teacher.file;
}

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
  if (state.recipe_changed) json["recipe_changed"] = true;
  if (state.evaluation_due) json["evaluation_due"] = true;
  if (state.best)
    json["best"] = {{"metric", state.best->metric},
                    {"split", state.best->split},
                    {"value", state.best->value},
                    {"step", state.best->step}};
  for (const Pin& pin : state.pins)
    json["pins"].push_back({{"stage", pin.stage}, {"stage_step", pin.stage_step}, {"global_step", pin.global_step}});
  if (state.teacher)
    json["teacher"] = {{"stage", state.teacher->stage}, {"file", state.teacher->file}, {"xxh3", state.teacher->xxh3}};
  return json;
}

RunState run_state_from(const nlohmann::json& json, const std::string& where) {
  const Fields fields(json, where);
  RunState state;
  state.stage = fields.count("stage");
  state.stage_step = fields.count("stage_step");
  state.global_step = fields.count("global_step");
  state.prune_rounds = fields.count("prune_rounds");
  state.recipe_changed = fields.contains("recipe_changed");
  state.evaluation_due = fields.contains("evaluation_due");
  for (const Fields& event : fields.list("events")) state.events.push_back(event_from(event));
  for (const std::string& name : fields.texts("touched")) state.touched.insert(name);
  if (fields.contains("best")) state.best = best_from(fields.object("best"));
  if (fields.contains("pins"))
    for (const Fields& pin : fields.list("pins")) state.pins.push_back(pin_from(pin));
  if (fields.contains("teacher")) state.teacher = teacher_from(fields.object("teacher"));
  return state;
}

}  // namespace filigree::train
