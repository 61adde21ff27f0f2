#include "core/forecast/forecast.h"

#include <ATen/Context.h>

#include <algorithm>

#include "core/error.h"
#include "core/forecast/workload.h"
#include "core/parallel/frozen_gathers.h"
#include "core/parallel/frozen_shards.h"
#include "core/parallel/parallelize.h"
#include "core/parallel/precision.h"
#include "core/parallel/step_comm.h"
#include "dist/factory.h"

namespace filigree::train {
namespace {

/// rank: of the ranks that share a copy of the model.
std::unique_ptr<nn::Model> load(const recipe::Recipe& recipe, const Registries& registries, const CommLayout& layout,
                                const std::optional<TrainingSet>& set, int64_t rank) {
  ModelRequest request;
  request.task = recipe.model.task;
  request.labels = set ? set->labels : data::resolve_task(recipe.data, recipe.model.task, registries.formats).labels;
  request.seed = static_cast<uint64_t>(recipe.seed);
  request.shapes_only = true;
  const int64_t tensor = layout.tensor;
  if (tensor > 1) request.shard = [rank, tensor](nn::Model& model) { shard_model(model, rank, tensor); };
  auto model = registries.load_model(recipe.model.path, request);
  model->parameters().set_frozen_dtype(layout.element == 2 ? at::kBFloat16 : at::kFloat);
  return model;
}

FrozenGathers gathers_of(nn::Model& model, const CommLayout& layout, const recipe::TrainConfig& train) {
  return frozen_gathers(model, layout.data, train.gradient_accumulation, train.activation_checkpointing);
}

/// Accounts for parallel.shard_frozen: a rank holds its part of the units and those that are gathered at the time. Those
/// of the embeddings are gathered when there are no activations yet.
void shard_frozen(nn::Model& model, const CommLayout& layout, const recipe::TrainConfig& train, StageForecast& result) {
  uint64_t elsewhere = 0;
  for (const FrozenUnit& unit : frozen_units(model)) {
    uint64_t bytes = 0;
    for (const nn::ParameterPtr& weight : unit.weights)
      bytes += static_cast<uint64_t>(weight->value().numel()) * weight->value().element_size();
    elsewhere += bytes - bytes / static_cast<uint64_t>(layout.data);
  }
  const FrozenGathers gathers = gathers_of(model, layout, train);
  const uint64_t early = gathers.held_early - std::min(gathers.held_early, result.activations);
  result.weights += std::max(gathers.held, early);
  result.weights -= elsewhere;
}

StageForecast count_memory(nn::Model& model, const recipe::Recipe& recipe, const recipe::StageConfig& stage,
                           const CommLayout& layout, const Workload& work) {
  StageForecast result;
  const ElementCounts elements = count_elements(model);
  result.stage = stage.name;
  result.trainable = elements.trainable;
  result.total = elements.total;
  result.weights = elements.weight_bytes;
  for (const auto& parameter : model.parameters()) result.buffers += parameter->bytes_here();
  result.buffers -= elements.weight_bytes;
  result.gradients = 4 * static_cast<uint64_t>(elements.trainable_here);
  result.optimizer = 8 * static_cast<uint64_t>(elements.trainable_here);
  const bool dropout = !recipe.model.dropout || *recipe.model.dropout > 0;
  result.activations = peak_activations(
      model, work.fullest,
      {layout.element, dropout, stage.train->activation_checkpointing, layout.gradient < 4 && layout.data > 1});
  result.tokens = work.fullest.tokens;
  if (recipe.parallel.shard_frozen && layout.data > 1) shard_frozen(model, layout, *stage.train, result);
  return result;
}

void count_comm(nn::Model& rank_zero, const recipe::ParallelConfig& parallel, const recipe::TrainConfig& train,
                const CommLayout& layout, const Workload& work, StageForecast& result) {
  const StepWork step{work.mean.tokens, work.mean.predicted, train.activation_checkpointing};
  result.comm = step_comm(rank_zero, layout, step);
  result.full_comm_bytes_per_step = total(full_step_comm(rank_zero, layout, step));
  if (!parallel.shard_frozen || layout.data == 1) return;
  if (const uint64_t gathered = gathers_of(rank_zero, layout, train).bytes; gathered > 0)
    result.comm["dp.weights"] = gathered;
}

/// The device that a run of this recipe would use if it were started here.
at::Device device_of(const recipe::ParallelConfig& parallel) {
  return parallel.device == recipe::Device::cuda || (parallel.device == recipe::Device::automatic && at::hasCUDA())
             ? at::Device(at::kCUDA, 0)
             : at::kCPU;
}

CommLayout layout_of(const recipe::ParallelConfig& parallel, int64_t ranks, int64_t tensor) {
  if (ranks < 1) throw UsageError(fmt::format("--ranks {}: must be at least 1", ranks));
  if (tensor < 1 || ranks % tensor != 0)
    throw UsageError(fmt::format("--tensor {}: must divide the number of ranks, {}", tensor, ranks));
  return {ranks / tensor, tensor,
          static_cast<int64_t>(at::elementSize(choose_precision(parallel.precision, device_of(parallel)))),
          at::elementSize(scalar_type(parallel.grad_dtype))};
}

/// A model and the method of the latest stage that named one.
struct Adapted {
  std::unique_ptr<nn::Model> model;
  std::unique_ptr<adapt::Method> method = nullptr;
};

void attach(const recipe::MethodConfig& config, const recipe::Recipe& recipe, const Registries& registries,
            Adapted& adapted) {
  const auto single = dist::make_single();
  if (adapted.method) adapted.method->detach(*adapted.model);
  adapted.method = registries.methods.make(config);
  adapted.method->attach(*adapted.model, {static_cast<uint64_t>(recipe.seed), *single, *single, /*resume=*/true});
}

}  // namespace

Forecast forecast(const recipe::Recipe& recipe, const Registries& registries, int64_t ranks, int64_t tensor) {
  const CommLayout layout = layout_of(recipe.parallel, ranks, tensor);
  const std::optional<TrainingSet> set = read_training_set(recipe, registries.formats);
  Adapted fullest{load(recipe, registries, layout, set, tensor - 1)};
  Adapted first{tensor > 1 ? load(recipe, registries, layout, set, 0) : nullptr};
  nn::Model& rank_zero = first.model ? *first.model : *fullest.model;
  Forecast result;
  result.lengths_known = set.has_value();
  for (size_t i = 0; i < recipe.stages.size(); ++i) {
    const recipe::StageConfig& stage = recipe.stages[i];
    if (stage.method) {
      attach(*stage.method, recipe, registries, fullest);
      if (first.model) attach(*stage.method, recipe, registries, first);
    }
    if (!stage.train) continue;
    const Workload work = workload(recipe, i, layout.data, set);
    StageForecast& counted = result.stages.emplace_back(count_memory(*fullest.model, recipe, stage, layout, work));
    count_comm(rank_zero, recipe.parallel, *stage.train, layout, work, counted);
  }
  return result;
}

}  // namespace filigree::train
