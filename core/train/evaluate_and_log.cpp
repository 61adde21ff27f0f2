#include "core/train/evaluate_and_log.h"

#include <algorithm>

#include "core/error.h"
#include "core/log/records.h"

namespace filigree::train {
namespace {

/// The metric to compare (`wanted`, else the task's main one), larger is better; the negated loss if there is no other metric (language modeling).
std::pair<std::string, double> deciding_metric(const std::string& wanted, const data::Dataset& dataset,
                                               const EvalResult& result) {
  const std::string main(dataset.metrics.empty() ? "loss" : enum_name(dataset.metrics.front()));
  const std::string name = wanted.empty() ? main : wanted;
  if (name == "loss") return {name, -result.loss};
  return {name, result.metrics.at(name)};
}

EvalRecord eval_record(const std::string& stage, int64_t step, const data::Dataset& dataset, const EvalResult& result,
                       const std::string& metric) {
  EvalRecord record{stage, step, dataset.split, metric, result.samples, result.metrics};
  record.values.emplace("loss", result.loss);
  return record;
}

/// Keeps the better of two results of the same metric and split; else the newer one.
bool is_best(std::optional<Best>& best, const Best& found, RunLog& log) {
  const bool same = best && best->metric == found.metric && (best->split.empty() || best->split == found.split);
  if (best && !same)
    log.warn("the best checkpoint was chosen by {} on {}; from now on it is chosen by {} on {}", best->metric,
             best->split, found.metric, found.split);
  if (same && found.value <= best->value) return false;
  best = found;
  return true;
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
    const auto [name, value] = deciding_metric(session.recipe.eval.best, dataset, result);
    session.log->record(eval_record(stage, session.state.global_step, dataset, result, name));
    if (i == 0 && compete)
      improved = is_best(session.state.best, {name, dataset.split, value, session.state.global_step}, *session.log);
  }
  return improved;
}

}  // namespace filigree::train
