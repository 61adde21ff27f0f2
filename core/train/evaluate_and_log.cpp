#include "core/train/evaluate_and_log.h"

#include "core/error.h"

namespace filigree::train {
namespace {

/// The metric that is compared, larger being better; the loss, negated, where there is no other (language modelling).
std::pair<std::string, double> deciding_metric(const Session& session, const data::Dataset& dataset,
                                               const EvalResult& result) {
  const std::string& wanted = session.recipe.eval.best;
  const std::string name = !wanted.empty() ? wanted : dataset.metrics.empty() ? "loss" : dataset.metrics.front();
  if (name == "loss") return {name, -result.loss};
  const auto found = result.metrics.find(name);
  if (found == result.metrics.end()) {
    std::vector<std::string> known{"loss"};
    for (const auto& [metric, value] : result.metrics) known.push_back(metric);
    throw UsageError(
        fmt::format("eval.best: '{}' is not computed for this task; it has {}", name, fmt::join(known, ", ")));
  }
  return {name, found->second};
}

nlohmann::json eval_record(const Session& session, const std::string& stage, const data::Dataset& dataset,
                           const EvalResult& result) {
  nlohmann::json record = {{"kind", "eval"},
                           {"stage", stage},
                           {"step", session.state.global_step},
                           {"split", dataset.split},
                           {"samples", result.samples},
                           {"loss", result.loss}};
  for (const auto& [name, value] : result.metrics) record[name] = value;
  return record;
}

}  // namespace

EvalOptions eval_options(const Session& session) {
  return {session.recipe.eval.batch_size, session.compute, session.recipe.parallel.shard_frozen};
}

bool evaluate_and_log(Session& session, const std::string& stage, bool compete) {
  bool improved = false;
  for (size_t i = 0; i < session.eval_data.size(); ++i) {
    const auto& dataset = session.eval_data[i];
    const auto result = evaluate(*session.model, dataset, eval_options(session), session.mesh->dp());
    session.log->record(eval_record(session, stage, dataset, result));
    const auto [name, value] = deciding_metric(session, dataset, result);
    auto& best = session.state.best;
    if (i == 0 && compete && (!best || value > best->value)) {
      best = Best{name, value, session.state.global_step};
      improved = true;
    }
  }
  return improved;
}

}  // namespace filigree::train
