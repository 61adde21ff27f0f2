#include "core/run/check_stages.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "core/error.h"
#include "core/prune/plan.h"
#include "core/prune/score.h"
#include "core/prune/unstructured.h"
#include "core/recipe/key_error.h"
#include "core/run/check_init_lora.h"
#include "dist/factory.h"

namespace filigree::train {
namespace {

/// Replaces the values of all parameters with zeros that take no memory: on the meta device, as a model of shapes has them,
/// or on the CPU, which has the operations of a prune. Positions of S2 are then in the first unit.
void forget_values(nn::Model& shapes, at::DeviceType device) {
  for (const nn::ParameterPtr& parameter : shapes.parameters()) {
    const at::Tensor zero = at::zeros({}, parameter->value().options().device(device).requires_grad(false));
    parameter->set_value(zero.expand(parameter->sizes()));
  }
}

/// Removes these shares of the units of each layer. Which units does not change the shapes: here it is the last ones.
void remove_units(nn::Model& shapes, double heads, double ffn) {
  prune::Scores equal;
  for (const nn::StructureGroup& group : shapes.structures())
    equal.emplace_back(static_cast<size_t>(group.left()), 0.0);
  prune::PrunePlan plan = prune::make_plan(shapes.structures(), equal, {heads, ffn, /*global=*/false, "none", {}});
  for (prune::GroupPlan& group : plan.groups) {
    forget_values(shapes, at::kCPU);  // also those of the group before: one group at a time has memory
    prune::apply(shapes, {plan.score, plan.scope, {std::move(group)}});
  }
  forget_values(shapes, at::kMeta);
}

/// Collects the faults of all stages. A fault of one stage must not produce others in the stages after it.
class StageChecks {
 public:
  StageChecks(const recipe::Recipe& recipe, const Registries& registries, nn::Model& shapes)
      : recipe_(recipe), registries_(registries), shapes_(shapes), seed_(static_cast<uint64_t>(recipe.seed)) {}

  void stage(size_t index) {
    const recipe::StageConfig& stage = recipe_.stages[index];
    const std::string path = recipe::key_of_stage(recipe_, index);
    if (stage.method) {
      const bool good = section(path + ".method", [&] { attach(stage, path + ".method"); });
      all_attached_ = all_attached_ && good;
      may_end_early_ = may_end_early_ || stage.method->options->may_end_early();
      if (!std::exchange(has_started_, true)) start_from_adapter(good ? method_.get() : nullptr);
    }
    if (stage.prune) section(path + ".prune", [&] { prune(stage); });
  }

  /// Faults of the recipe decide the exit code.
  std::vector<std::string> finish() {
    problems_.insert(problems_.end(), of_files_.begin(), of_files_.end());
    const std::string lines = fmt::format("{}", fmt::join(problems_, "\n"));
    if (problems_.size() > of_files_.size()) throw UsageError(lines);
    if (!problems_.empty()) throw DataError(lines);
    return std::move(warnings_);
  }

 private:
  /// Runs `body`; keys of its errors are those of the section `path`. Returns whether there was none.
  bool section(const std::string& path, const std::function<void()>& body) {
    try {
      body();
      return true;
    } catch (const recipe::KeyError& error) {
      for (const recipe::KeyFault& fault : error.faults())
        problems_.push_back(recipe::at_key(recipe_, path + "." + fault.key, fault.message));
    } catch (const UsageError& error) {
      problems_.push_back(recipe::at_key(recipe_, path, error.what()));
    }
    return false;
  }

  /// For the first method.
  void start_from_adapter(const adapt::Method* method) {
    if (recipe_.model.init_lora.empty()) return;
    try {
      check_init_lora(recipe_, registries_, shapes_, method);
    } catch (const recipe::KeyError& error) {
      for (const recipe::KeyFault& fault : error.faults())
        problems_.push_back(recipe::at_key(recipe_, fault.key, fault.message));
    } catch (const UsageError& error) {
      problems_.push_back(recipe::at_key(recipe_, "model.init_lora", error.what()));
    } catch (const DataError& error) {
      of_files_.push_back(recipe::at_key(recipe_, "model.init_lora", error.what()));
    }
  }

  void attach(const recipe::StageConfig& stage, const std::string& path) {
    if (const auto before = std::exchange(method_, nullptr)) before->detach(shapes_);
    auto method = registries_.methods.make(*stage.method);
    method->attach(shapes_, {seed_, *single_, *single_, /*resume=*/true});
    method->check(shapes_);
    method_ = std::move(method);
    const auto trains = [](const nn::ParameterPtr& parameter) { return parameter->role == nn::Role::trainable; };
    if (stage.train && std::none_of(shapes_.parameters().begin(), shapes_.parameters().end(), trains)) {
      const std::string freeze = path + ".freeze";
      problems_.push_back(recipe::at_key(recipe_, recipe::is_given(recipe_, freeze) ? freeze : path,
                                         fmt::format("leaves nothing of this {} model to train", shapes_.family())));
    }
    warn_of_nothing_frozen(stage);
    if (const std::string head = path + ".train_head";
        recipe::is_given(recipe_, head) && shapes_.head_parameters().empty())
      warnings_.push_back(recipe::at_key(
          recipe_, head,
          fmt::format("has no effect: the decoder of this {} model is tied to the word embeddings, so it "
                      "has no head of its own",
                      shapes_.family())));
  }

  void warn_of_nothing_frozen(const recipe::StageConfig& stage) {
    const auto frozen = [](const nn::ParameterPtr& parameter) { return parameter->role == nn::Role::frozen; };
    if (recipe_.parallel.shard_frozen && stage.train &&
        std::none_of(shapes_.parameters().begin(), shapes_.parameters().end(), frozen))
      warnings_.push_back(recipe::at_key(
          recipe_, "parallel.shard_frozen",
          fmt::format("has no effect in stage {}: {} trains all parameters", stage.name, stage.method->name)));
  }

  void prune(const recipe::StageConfig& stage) {
    const recipe::PruneConfig& config = *stage.prune;
    const prune::ScoreRequest request = prune::request_of(config, registries_.scores, seed_);
    const bool unknown = request.score->traits().needs_update && !all_attached_;
    const auto linears =
        config.structure.empty() ? prune::select_linears(shapes_, config.targets) : std::vector<nn::Linear*>();
    if (unknown) return;
    if (config.structure.empty()) {
      prune::check_scores(linears, request);
      for (nn::Linear* linear : linears) prune::add_mask(shapes_, *linear, config.mask == recipe::PruneMask::merged);
    } else {
      prune::check_scores(shapes_, request);
      if (removes_shares(stage)) remove_units(shapes_, request.heads ? config.heads : 0, request.ffn ? config.ffn : 0);
    }
  }

  /// Whether the shapes after a structured prune do not depend on scores or on when the stage ends.
  bool removes_shares(const recipe::StageConfig& stage) const {
    const recipe::PruneConfig& config = *stage.prune;
    const bool may_stop = stage.train && config.steps > 1 && may_end_early_;
    return config.scope == recipe::PruneScope::layer && !config.below && !may_stop;
  }

  const recipe::Recipe& recipe_;
  const Registries& registries_;
  nn::Model& shapes_;
  const uint64_t seed_;
  const std::unique_ptr<dist::Communicator> single_ = dist::make_single();
  std::unique_ptr<adapt::Method> method_;  ///< of the latest stage that named one
  bool all_attached_ = true, has_started_ = false;
  bool may_end_early_ = false;  ///< a stage with a method so far
  std::vector<std::string> problems_, of_files_, warnings_;
};

}  // namespace

std::unique_ptr<nn::Model> model_of_shapes(const recipe::Recipe& recipe, const Registries& registries,
                                           const std::string& dir) {
  ModelRequest request;
  request.task = recipe.model.task;
  request.labels = labels_for_adapter(recipe, registries);
  request.reset_head = recipe.model.reset_head;
  request.shapes_only = true;
  return registries.load_model(dir, request);
}

std::vector<std::string> check_stages(const recipe::Recipe& recipe, const Registries& registries, nn::Model& shapes) {
  StageChecks checks(recipe, registries, shapes);
  for (size_t i = 0; i < recipe.stages.size(); ++i) checks.stage(i);
  return checks.finish();
}

void check_best(const recipe::Recipe& recipe, const data::TaskSpec& task) {
  const std::string& wanted = recipe.eval.best;
  if (wanted.empty()) return;
  std::vector<std::string> known = enum_names_of(task.metrics);
  known.emplace_back("loss");
  if (std::ranges::find(known, wanted) == known.end())
    throw UsageError(recipe::at_key(
        recipe, "eval.best",
        fmt::format("'{}' is not computed for this task; use one of {}", wanted, fmt::join(known, ", "))));
}

}  // namespace filigree::train
