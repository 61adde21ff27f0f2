#include "core/recipe/check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "core/counted.h"
#include "core/name_pattern.h"
#include "core/recipe/data_rules.h"
#include "core/recipe/idle_keys.h"
#include "core/recipe/suggest.h"

namespace filigree::recipe {
namespace {

/// Reports broken rules. Skips a rule that depends on a doubtful value, because that value is already reported.
class Rules {
 public:
  Rules(const Source& source, std::vector<Problem>& problems) : source_(source), problems_(problems) {}

  void broken(const std::string& path, const std::string& message, const std::vector<std::string>& rests_on = {}) {
    const bool sound = source_.sound(path) && std::all_of(rests_on.begin(), rests_on.end(),
                                                          [&](const auto& other) { return source_.sound(other); });
    if (!sound) return;
    problems_.push_back(source_.problem(path, message, rests_on));
  }
  bool given(const std::string& path) const { return source_.given(path); }
  bool by_user(const std::string& path) const { return source_.by_user(path); }
  bool sound(const std::string& path) const { return source_.sound(path); }

 private:
  const Source& source_;
  std::vector<Problem>& problems_;
};

void check_data(const Recipe& recipe, const Catalog& catalog, Rules& rules) {
  if (const auto problem = preset_problem(recipe.data, rules.by_user("data.format")))
    return rules.broken(problem->key, problem->message, problem->rests_on);
  for (const DataProblem& problem : data_problems(recipe.data, recipe.model.task, catalog))
    rules.broken(problem.key, problem.message, problem.rests_on);
}

void check_labels(const ModelConfig& model, const DataConfig& data, Rules& rules) {
  const bool regression = model.task == Task::regression;
  if (data.task == "stsb" && model.task == Task::sequence_classification) {
    rules.broken("model.task", "is sequence_classification, but stsb has scores, not classes; set it to regression",
                 {"data.task"});
  }
  if (!data.task.empty() && data.task != "stsb" && regression) {
    rules.broken("model.task",
                 fmt::format("is regression, but {} has classes; set it to sequence_classification", data.task),
                 {"data.task"});
  }
  if (!data.labels.empty() && regression) {
    rules.broken("data.labels", "names classes, but model.task is regression", {"model.task"});
  }
}

void check_metric(std::optional<Metric> metric, const std::string& path, const ModelConfig& model, Rules& rules) {
  if (!metric) return;
  const bool score = is_of_scores(*metric);
  const bool fits = model.task == Task::regression ? score : model.task == Task::sequence_classification && !score;
  if (!fits)
    rules.broken(path, fmt::format("is {}, which does not measure {}", enum_name(*metric), enum_name(model.task)),
                 {"model.task"});
}

void check_split(const std::string& split, const DataConfig& data, Rules& rules) {
  std::vector<std::string> known{"train", "dev", "test"};
  if (data.task == "mnli") {
    known = {"train", "dev", "dev_matched", "dev_mismatched", "test_matched", "test_mismatched"};
    if (data.test) known.emplace_back("test");
  }
  if (std::find(known.begin(), known.end(), split) != known.end()) return;
  const std::string guess = nearest(split, known);
  rules.broken(
      "eval.split",
      fmt::format("is '{}', which is not a split of the data{}", split,
                  guess.empty() ? fmt::format("; use one of {}", fmt::join(known, ", ")) : did_you_mean(guess)),
      {"data.task", "data.test"});
}

std::vector<std::string> stage_names(const Recipe& recipe) {
  std::vector<std::string> names;
  for (const StageConfig& stage : recipe.stages) names.push_back(stage.name);
  return names;
}

void check_adapter(const Recipe& recipe, Rules& rules) {
  if (recipe.model.init_lora.empty()) return;
  if (recipe.model.init == InitialWeights::random)
    rules.broken("model.init_lora", "was trained on pretrained weights, but model.init is random", {"model.init"});
  const auto has_method = [](const StageConfig& stage) { return stage.method.has_value(); };
  std::vector<std::string> rests_on{"stages"};
  const std::vector<std::string> names = stage_names(recipe);
  for (size_t i = 0; i < names.size(); ++i) rests_on.push_back(stage_path(names, i) + ".method");
  if (std::none_of(recipe.stages.begin(), recipe.stages.end(), has_method))
    rules.broken("model.init_lora", "is given, but no stage has a method (dsee, lora, pst) to start from it", rests_on);
}

void check_parallel(const ParallelConfig& parallel, Rules& rules) {
  if (parallel.backend == Backend::nccl && parallel.device == Device::cpu) {
    rules.broken("parallel.backend", "is nccl, which supports only CUDA tensors, but device is cpu",
                 {"parallel.device"});
  }
  if (parallel.backend == Backend::mpi && parallel.device == Device::cuda) {
    rules.broken("parallel.backend", "is mpi, which supports only CPU tensors; with device cuda use nccl",
                 {"parallel.device"});
  }
}

// What a stage can build on: the results of the stages before it.
struct History {
  std::vector<std::string> and_keys(std::vector<std::string> own) const {
    own.insert(own.end(), keys.begin(), keys.end());
    return own;
  }

  bool known = true;            ///< all sections of those stages were read; if not, an absence proves nothing
  bool method = false;          ///< a stage has a method
  bool trained = false;         ///< a stage has trained
  bool pruned_trained = false;  ///< a trained model has been pruned: distillation has a teacher
  struct Update {
    std::string stage, method;  ///< name of the stage that added it, path of its method
  };
  std::map<std::string, Update> updated;  ///< by the name pattern of linears
  std::vector<std::string> keys;          ///< method, prune and train of those stages, given or not
};

/// The keys that determine which linears a method updates.
std::vector<std::string> keys_of_updates(const std::string& method) {
  return {method, method + ".name", method + ".targets"};
}

/// A linear has at most one update, from the first method that names it.
void check_updates(const StageConfig& stage, const std::string& path, History& history, Rules& rules) {
  if (!stage.method || !stage.method->options) return;
  const std::vector<std::string> patterns = stage.method->options->updated_linears();
  for (const std::string& pattern : patterns) {
    const auto earlier = std::ranges::find_if(history.updated, [&](const auto& update) {
      return names(update.first, pattern) || names(pattern, update.first);
    });
    if (earlier == history.updated.end()) continue;
    std::vector<std::string> rests_on = keys_of_updates(path + ".method");
    for (const std::string& key : keys_of_updates(earlier->second.method)) rests_on.push_back(key);
    rules.broken(path + ".method.targets",
                 fmt::format("names '{}', which already has an update from stage {}{}; omit 'method' to train it "
                             "further, or name other targets",
                             pattern, earlier->second.stage,
                             earlier->first == pattern ? "" : fmt::format(" (as '{}')", earlier->first)),
                 rests_on);
  }
  for (const std::string& pattern : patterns)
    history.updated.emplace(pattern, History::Update{stage.name, path + ".method"});
}

void check_work(const StageConfig& stage, const std::string& path, const History& before, Rules& rules) {
  const std::string method = path + ".method", train = path + ".train", prune = path + ".prune", out = path + ".export",
                    rewind = path + ".rewind";
  if (!stage.train && !stage.prune && !stage.export_config && !stage.method && !stage.rewind) {
    rules.broken(path, "does nothing; give it train, prune or export", {train, prune, out, method, rewind});
  }
  if (stage.export_config && (stage.train || stage.prune || stage.method || stage.rewind)) {
    rules.broken(path + ".export", "must be a separate stage, without method, prune, rewind or train",
                 {train, prune, method, rewind});
  }
  if (stage.method && !stage.train && !stage.export_config) {
    rules.broken(path + ".method", "has nothing to train; give the stage a train section", {train});
  }
  if (before.known && stage.train && !stage.method && !before.method) {
    rules.broken(path,
                 "trains, but neither it nor an earlier stage has a method; add e.g. 'method: {name: dsee}' to the "
                 "first stage that trains",
                 before.and_keys({method, train}));
  }
}

void check_train(const TrainConfig& train, const std::string& path, const ModelConfig& model, const History& before,
                 const StageConfig& stage, Rules& rules) {
  const std::string epochs = path + ".epochs", steps = path + ".max_steps";
  if (train.epochs > 0 && train.max_steps > 0)
    rules.broken(steps, "is given together with epochs; keep one of them", {epochs});
  if (train.epochs == 0 && train.max_steps == 0) rules.broken(path, "needs epochs or max_steps", {epochs, steps});
  if (train.gradient_accumulation > train.batch_size) {
    rules.broken(path + ".gradient_accumulation",
                 fmt::format("is {}, more than the {} of batch_size", train.gradient_accumulation,
                             counted(train.batch_size, "sample")),
                 {path + ".batch_size"});
  }
  if (!train.distill) return;
  if (before.known && !before.pruned_trained && !(before.trained && stage.prune)) {
    rules.broken(path + ".distill",
                 "has no teacher: it learns from the trained model as it was before a prune, so a stage that "
                 "trains and then one that prunes must come first",
                 before.and_keys({}));
  }
  if (is_over_tokens(model.task))
    rules.broken(path + ".distill",
                 fmt::format("works for classification and regression, not for {}", enum_name(model.task)),
                 {"model.task"});
}

std::vector<std::string> names_where(const std::vector<ScoreTraits>& scores, bool ScoreTraits::*trait) {
  std::vector<std::string> names;
  for (const ScoreTraits& score : scores)
    if (score.*trait) names.push_back(score.name);
  return names;
}

void check_prune(const PruneConfig& prune, const std::string& path, bool may_have_method, const History& before,
                 const Catalog& catalog, Rules& rules) {
  const std::string structure = path + ".structure", scope = path + ".scope", score = path + ".score";
  const bool structured = !prune.structure.empty();
  if (!structured && !rules.given(path + ".sparsity")) {
    rules.broken(path, "names nothing to remove; set structure (e.g. [heads, ffn]) or sparsity (e.g. 0.5)",
                 {structure, path + ".sparsity"});
  }
  if (structured && prune.scope == PruneScope::matrix) {
    rules.broken(scope, "is matrix, which is for single weights; structured pruning uses layer or global", {structure});
  }
  if (!structured && prune.scope == PruneScope::layer) {
    rules.broken(scope, "is layer, which is for structures; unstructured pruning uses matrix or global", {structure});
  }
  const ScoreTraits* traits = catalog.find_score(prune.score);
  if (prune.regrow && traits && !traits->regrows)
    rules.broken(
        path + ".regrow",
        fmt::format("needs another score: by {}, zeroed weights have no score that could change; use one of {}",
                    prune.score, fmt::join(names_where(catalog.scores, &ScoreTraits::regrows), ", ")),
        {score, structure});
  if (!structured && traits && !traits->of_entries)
    rules.broken(
        score,
        fmt::format("is {}, which scores heads and ffn only; unstructured pruning needs another score", prune.score),
        {structure});
  if (prune.below && prune.steps > 1)
    rules.broken(path + ".below", "removes all units with such a score in one round, but steps is more than 1",
                 {path + ".steps", structure});
  if (traits && traits->needs_update && !may_have_method)
    rules.broken(score,
                 fmt::format("is {}, but nothing has been trained before this stage; use magnitude", prune.score),
                 before.and_keys({}));
}

void check_rewind(const StageConfig& stage, const std::string& path, const std::vector<StageConfig>& stages,
                  size_t index, Rules& rules) {
  const RewindConfig& rewind = *stage.rewind;
  const auto end = stages.begin() + static_cast<std::ptrdiff_t>(index);
  const auto target = std::find_if(stages.begin(), end, [&](const auto& other) { return other.name == rewind.stage; });
  if (target == end || !target->train) {
    std::vector<std::string> known;
    for (auto other = stages.begin(); other != end; ++other)
      if (other->train) known.push_back(other->name);
    rules.broken(path + ".stage",
                 known.empty() ? fmt::format("is '{}', but no stage before this one trains", rewind.stage)
                               : fmt::format("is '{}', which is not a stage before this one that trains; use one of {}",
                                             rewind.stage, fmt::join(known, ", ")));
    return;
  }
  if (target->train->max_steps > 0 && rewind.step > target->train->max_steps)
    rules.broken(path + ".step", fmt::format("is {}, but stage {} has {}", rewind.step, target->name,
                                             counted(target->train->max_steps, "step")));
  if (stage.prune && stage.train && stage.prune->steps > 1)
    rules.broken(path,
                 "follows the prune, but prune.steps spreads the prune over the steps of this stage; set "
                 "prune.steps to 1, or prune in a stage of its own");
}

void check_names(const std::vector<std::string>& names, Rules& rules) {
  std::set<std::string> seen;
  std::vector<std::string> keys;
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string key = stage_path(names, i) + ".name";
    if (!names[i].empty() && !seen.insert(names[i]).second)
      rules.broken(key, fmt::format("is '{}', the name of an earlier stage; names must be unique", names[i]), keys);
    keys.push_back(key);
  }
}

/// Whether two exports would write to the same directory, or one inside the other.
bool overlap(const std::string& a, const std::string& b) {
  const std::filesystem::path first(a), second(b);
  const auto [in_first, in_second] = std::mismatch(first.begin(), first.end(), second.begin(), second.end());
  return in_first == first.end() || in_second == second.end();
}

void check_export_dirs(const Recipe& recipe, const std::vector<std::string>& names, Rules& rules) {
  std::vector<std::string> earlier, keys;
  for (size_t i = 0; i < names.size(); ++i) {
    const auto& out = recipe.stages[i].export_config;
    if (!out) continue;
    const std::string key = stage_path(names, i) + ".export.dir";
    const auto hit = std::ranges::find_if(earlier, [&](const std::string& dir) { return overlap(dir, out->dir); });
    if (hit != earlier.end())
      rules.broken(
          key, fmt::format("is '{}', and an earlier export uses '{}'; one would overwrite the other", out->dir, *hit),
          keys);
    earlier.push_back(out->dir);
    keys.push_back(key);
  }
}

void check_stages(const Recipe& recipe, const Catalog& catalog, Rules& rules) {
  const std::vector<std::string> names = stage_names(recipe);
  check_names(names, rules);
  check_export_dirs(recipe, names, rules);
  History history;
  for (size_t i = 0; i < names.size(); ++i) {
    const StageConfig& stage = recipe.stages[i];
    const std::string path = stage_path(names, i);
    check_work(stage, path, history, rules);
    check_updates(stage, path, history, rules);
    if (stage.train) check_train(*stage.train, path + ".train", recipe.model, history, stage, rules);
    if (stage.rewind) check_rewind(stage, path + ".rewind", recipe.stages, i, rules);
    if (stage.prune)
      check_prune(*stage.prune, path + ".prune", !history.known || history.method || stage.method, history, catalog,
                  rules);
    for (const char* key : {".method", ".prune", ".train"}) {
      history.known = history.known && rules.sound(path + key);
      history.keys.push_back(path + key);
    }
    history.pruned_trained = history.pruned_trained || (stage.prune && history.trained);
    history.method = history.method || stage.method || stage.train;  // report a missing method once
    history.trained = history.trained || stage.train;
  }
}

}  // namespace

void check(const Recipe& recipe, const Catalog& catalog, const Source& source, std::vector<Problem>& problems) {
  Rules rules(source, problems);
  check_data(recipe, catalog, rules);
  check_labels(recipe.model, recipe.data, rules);
  check_metric(recipe.data.metric, "data.metric", recipe.model, rules);
  check_metric(enum_from<Metric>(recipe.eval.best), "eval.best", recipe.model, rules);
  check_split(recipe.eval.split, recipe.data, rules);
  check_adapter(recipe, rules);
  check_parallel(recipe.parallel, rules);
  check_stages(recipe, catalog, rules);
  check_idle_keys(recipe, catalog, source, problems);
}

void settle(Recipe& recipe, const Catalog& catalog, const Source& source) {
  if (!source.by_user("data.format")) recipe.data.format = format_of(recipe.data);
  const std::vector<std::string> names = stage_names(recipe);
  for (size_t i = 0; i < names.size(); ++i) {
    auto& prune = recipe.stages[i].prune;
    const ScoreTraits* score = prune ? catalog.find_score(prune->score) : nullptr;
    if (score) prune->score_reads_data = score->reads_data;
    const bool by_default = prune && !source.given(stage_path(names, i) + ".prune.scope");
    if (by_default && prune->structure.empty()) prune->scope = PruneScope::matrix;
  }
}

}  // namespace filigree::recipe
