#include "core/train/evaluate_and_log.h"

#include <algorithm>
#include <limits>

#include "core/error.h"
#include "core/log/records.h"

namespace filigree::train {
namespace {

/// The name of the metric to compare: `wanted`, else the task's main one, else (language modeling) the loss.
std::string deciding_metric(const std::string& wanted, const data::Dataset& dataset) {
  const std::string main(dataset.metrics.empty() ? "loss" : enum_name(dataset.metrics.front()));
  return wanted.empty() ? main : wanted;
}

/// Its value, larger is better: the loss is negated.
double deciding_value(const std::string& name, const EvalResult& result) {
  return name == "loss" ? -result.loss : result.metrics.at(name);
}

EvalRecord eval_record(const std::string& stage, int64_t step, const data::Dataset& dataset, const EvalResult& result,
                       const std::string& metric) {
  EvalRecord record{stage, step, dataset.split, metric, result.samples, result.metrics};
  record.values.emplace("loss", result.loss);
  return record;
}

/// For the report of the run.
void record_failure(Session& session, const std::string& stage, const data::Dataset& dataset) {
  EvalResult failed;
  failed.samples = dataset.size();
  failed.loss = std::numeric_limits<double>::quiet_NaN();
  session.log->record(eval_record(stage, session.state.global_step, dataset, failed,
                                  deciding_metric(session.recipe.eval.best, dataset)));
}

/// A loss that is not finite is recorded and ends the run.
EvalResult evaluate_or_record(Session& session, const std::string& stage, const data::Dataset& dataset,
                              const std::function<void()>& before_failure) {
  try {
    return evaluate(*session.model, dataset, eval_options(session), session.mesh->dp());
  } catch (const DivergedError&) {
    record_failure(session, stage, dataset);
    throw;
  } catch (const LossError&) {
    if (before_failure) before_failure();
    record_failure(session, stage, dataset);
    throw;
  }
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

bool evaluate_and_log(Session& session, const std::string& stage, bool compete,
                      const std::function<void()>& before_failure) {
  // Logged when all have succeeded: after a failure, the evaluation is repeated as a whole.
  std::vector<EvalResult> results;
  for (const data::Dataset& dataset : session.eval_data)
    results.push_back(evaluate_or_record(session, stage, dataset, before_failure));
  bool improved = false;
  for (size_t i = 0; i < session.eval_data.size(); ++i) {
    const auto& dataset = session.eval_data[i];
    const EvalResult& result = results[i];
    const std::string name = deciding_metric(session.recipe.eval.best, dataset);
    session.log->record(eval_record(stage, session.state.global_step, dataset, result, name));
    if (i == 0 && compete)
      improved = is_best(session.state.best,
                         {name, dataset.split, deciding_value(name, result), session.state.global_step}, *session.log);
  }
  return improved;
}

}  // namespace filigree::train
