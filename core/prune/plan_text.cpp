// A plan as JSON (for the run directory and checkpoints) and as a table (for the log).
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <map>

#include "core/error.h"
#include "core/files/json.h"
#include "core/prune/plan.h"

namespace filigree::prune {
namespace {

nn::StructureKind kind_from(const std::string& name) {
  if (name == "head") return nn::StructureKind::head;
  if (name == "neuron") return nn::StructureKind::neuron;
  throw DataError(fmt::format("prune plan: unknown structure kind '{}'; use head or neuron", name));
}

void check(const GroupPlan& group) {
  const auto where = fmt::format("prune plan: {}s of layer {}", nn::to_string(group.kind), group.layer);
  if (group.layer < 0 || group.total < 1) throw DataError(where + ": layer or total is out of range");
  if (group.kept.empty()) throw DataError(where + ": nothing is kept");
  for (size_t i = 0; i < group.kept.size(); ++i) {
    if (group.kept[i] < 0 || group.kept[i] >= group.total || (i > 0 && group.kept[i] <= group.kept[i - 1])) {
      throw DataError(fmt::format("{}: kept must be ascending indices below {}", where, group.total));
    }
  }
  for (const int64_t unit : group.candidates)
    if (unit < 0 || unit >= group.total)
      throw DataError(fmt::format("{}: candidates must be indices below {}", where, group.total));
  if (group.scores.size() != group.candidates.size())
    throw DataError(where + ": scores and candidates differ in length");
}

std::string numbers(const std::vector<int64_t>& values) { return fmt::format("{}", fmt::join(values, " ")); }

struct Row {
  const GroupPlan* heads = nullptr;
  const GroupPlan* neurons = nullptr;
};

std::string left_of(const GroupPlan* group) {
  return group ? fmt::format("{} of {}", group->kept.size(), group->total) : std::string("-");
}

}  // namespace

nlohmann::json to_json(const PrunePlan& plan) {
  nlohmann::json groups = nlohmann::json::array();
  for (const GroupPlan& group : plan.groups) {
    groups.push_back({{"kind", nn::to_string(group.kind)},
                      {"layer", group.layer},
                      {"total", group.total},
                      {"kept", group.kept},
                      {"candidates", group.candidates},
                      {"scores", group.scores}});
  }
  return {{"score", plan.score}, {"scope", plan.scope}, {"groups", std::move(groups)}};
}

PrunePlan plan_from_json(const nlohmann::json& json) try {
  PrunePlan plan{json.at("score").get<std::string>(), json.at("scope").get<std::string>(), {}};
  for (const nlohmann::json& item : json.at("groups")) {
    using Numbers = std::vector<int64_t>;
    GroupPlan group{kind_from(item.at("kind").get<std::string>()),
                    item.at("layer").get<int64_t>(),
                    item.at("total").get<int64_t>(),
                    item.at("kept").get<Numbers>(),
                    item.at("scores").get<std::vector<double>>(),
                    item.at("candidates").get<Numbers>()};
    check(group);
    plan.groups.push_back(std::move(group));
  }
  return plan;
} catch (const nlohmann::json::exception& error) {
  throw DataError(fmt::format("prune plan: {}", files::explain(error)));
}

std::string to_text(const PrunePlan& plan) {
  std::map<int64_t, Row> rows;
  for (const GroupPlan& group : plan.groups) {
    (group.kind == nn::StructureKind::head ? rows[group.layer].heads : rows[group.layer].neurons) = &group;
  }
  std::string text = fmt::format("prune plan: score {}, scope {}\nlayer  neurons        heads      kept heads\n",
                                 plan.score, plan.scope);
  for (const auto& [layer, row] : rows) {
    text += fmt::format("{:>5}  {:<13}  {:<9}  {}\n", layer, left_of(row.neurons), left_of(row.heads),
                        row.heads ? numbers(row.heads->kept) : "-");
  }
  return text;
}

}  // namespace filigree::prune
