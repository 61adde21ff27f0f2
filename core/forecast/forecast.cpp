#include "core/forecast/forecast.h"

#include <ATen/Context.h>

#include <algorithm>

#include "core/error.h"
#include "core/forecast/workload.h"
#include "core/parallel/frozen_shards.h"
#include "core/parallel/parallelize.h"
#include "core/parallel/precision.h"
#include "core/train/trainer.h"
#include "dist/factory.h"

namespace filigree::train {
namespace {

/// How the ranks are distributed over the axes, and the sizes of the types.
struct Layout {
  int64_t data = 1, tensor = 1;
  int64_t element = 4;    ///< bytes per activation element
  uint64_t gradient = 4;  ///< bytes per element of the gradients that the ranks exchange
};

std::unique_ptr<nn::Model> load(const recipe::Recipe& recipe, const Registries& registries, const Layout& layout,
                                const std::optional<TrainingSet>& set) {
  ModelRequest request;
  request.task = recipe.model.task;
  request.labels = set ? set->labels : data::resolve_task(recipe.data, recipe.model.task, registries.formats).labels;
  request.seed = static_cast<uint64_t>(recipe.seed);
  request.shapes_only = true;
  const int64_t tensor = layout.tensor;
  if (tensor > 1) request.shard = [tensor](nn::Model& model) { shard_model(model, tensor - 1, tensor); };
  auto model = registries.load_model(recipe.model.path, request);
  model->parameters().set_frozen_dtype(layout.element == 2 ? at::kBFloat16 : at::kFloat);
  return model;
}

/// Adds the activations on the tensor-parallel axis: in the forward pass a sum after each pair of linears,
/// and in the backward pass one before it, down to the first linear that trains. A decoder sharded over the
/// vocabulary adds its input's gradient and three numbers per predicted token.
void add_activations(nn::Model& model, const Layout& layout, const MicroBatch& work, bool recompute, CommBytes& comm) {
  const uint64_t times = recompute ? 2 : 1;  // forward passes per layer
  const auto bytes = [&](double rows, int64_t width) {
    return static_cast<uint64_t>(rows * static_cast<double>(width * layout.element));
  };
  for (const nn::Embedding* embedding : model.embeddings())
    comm["tp.forward"] += bytes(work.tokens, embedding->weight()->value().size(1));
  bool gradients = embeddings_train(model);
  for (const nn::StructureGroup& group : model.structures()) {
    if (gradients) comm["tp.backward"] += bytes(work.tokens, group.members.front().linear->in_features());
    for (const nn::StructureMember& member : group.members) {
      if (member.dim == 1) comm["tp.forward"] += times * bytes(work.tokens, member.linear->out_features());
      gradients = gradients || trains(*member.linear);
    }
  }
  for (const nn::Linear* linear : head_linears(model)) {
    if (linear->weight()->placement.split(0)) {
      comm["tp.forward"] += static_cast<uint64_t>(work.predicted * 3 * sizeof(float));
      if (gradients) comm["tp.backward"] += bytes(work.predicted, linear->in_features());
    }
    gradients = gradients || trains(*linear);
  }
}

/// Accounts for parallel.shard_frozen. Subtracts the frozen weights stored on other ranks and adds the largest
/// pair of consecutive units, because two are gathered at a time (a pair with the embedding is gathered when
/// there are no activations yet). Adds the bytes gathered per pass: the backward pass reuses the last unit,
/// and the next step reuses the first layer.
void shard_frozen(nn::Model& model, const Layout& layout, int64_t passes, StageForecast& result) {
  uint64_t elsewhere = 0, there = 0, before = 0, gathered = 0, reused = 0;
  const std::vector<FrozenUnit> units = frozen_units(model);
  for (size_t i = 0; i < units.size(); ++i) {
    uint64_t bytes = 0;
    for (const nn::ParameterPtr& weight : units[i].weights)
      bytes += static_cast<uint64_t>(weight->value().numel()) * weight->value().element_size();
    const uint64_t part = bytes / static_cast<uint64_t>(layout.data);
    const bool first_layer = units[i].backward && (i == 0 || !units[i - 1].backward);
    elsewhere += bytes - part;
    gathered += part * (units[i].backward ? 2 : 1);
    reused += part * ((i + 1 == units.size() ? 1U : 0U) + (first_layer && i == 1 ? 1U : 0U));
    const bool early = !units[i].backward || (i > 0 && !units[i - 1].backward);
    const uint64_t pair = before + bytes;
    there = std::max(there, early ? pair - std::min(pair, result.activations) : pair);
    before = bytes;
  }
  result.weights -= elsewhere;
  result.weights += there;
  result.comm["dp.weights"] = (gathered - std::min(gathered, reused)) * static_cast<uint64_t>(passes);
}

CommBytes comm_of(nn::Model& model, const Layout& layout, const MicroBatch& work, bool recompute) {
  CommBytes comm;
  if (layout.data * layout.tensor > 1) comm["world.other"] = kCounterBytes;
  if (layout.data > 1)
    comm["dp.gradients"] = layout.gradient * static_cast<uint64_t>(count_elements(model).trainable_here);
  if (layout.tensor == 1) return comm;
  comm["tp.other"] = sizeof(double);  // the gradient norm
  for (const nn::ParameterPtr& parameter : model.parameters())
    if (parameter->trainable() && parameter->partial_gradient)
      comm["tp.gradients"] += 4 * static_cast<uint64_t>(parameter->value().numel());
  add_activations(model, layout, work, recompute, comm);
  return comm;
}

StageForecast count(nn::Model& model, const recipe::Recipe& recipe, const recipe::StageConfig& stage,
                    const Layout& layout, const Workload& work) {
  StageForecast result;
  const ElementCounts elements = count_elements(model);
  result.stage = stage.name;
  result.trainable = elements.trainable;
  result.total = elements.total;
  for (const auto& parameter : model.parameters())
    result.weights += static_cast<uint64_t>(parameter->value().numel()) * parameter->value().element_size();
  result.gradients = 4 * static_cast<uint64_t>(elements.trainable_here);
  result.optimizer = 8 * static_cast<uint64_t>(elements.trainable_here);
  const bool dropout = !recipe.model.dropout || *recipe.model.dropout > 0;
  result.activations = peak_activations(
      model, work.fullest,
      {layout.element, dropout, stage.train->activation_checkpointing, layout.gradient < 4 && layout.data > 1});
  result.tokens = work.fullest.tokens;
  result.comm = comm_of(model, layout, work.mean, stage.train->activation_checkpointing);
  if (recipe.parallel.shard_frozen && layout.data > 1)
    shard_frozen(model, layout, stage.train->gradient_accumulation, result);
  result.full_comm_bytes_per_step = total(result.comm);
  if (layout.data > 1)
    result.full_comm_bytes_per_step +=
        layout.gradient * static_cast<uint64_t>(elements.total_here) - result.comm["dp.gradients"];
  return result;
}

/// The device that a run of this recipe would use if it were started here.
at::Device device_of(const recipe::ParallelConfig& parallel) {
  return parallel.device == recipe::Device::cuda || (parallel.device == recipe::Device::automatic && at::hasCUDA())
             ? at::Device(at::kCUDA, 0)
             : at::kCPU;
}

Layout layout_of(const recipe::ParallelConfig& parallel, int64_t ranks, int64_t tensor) {
  if (ranks < 1) throw UsageError(fmt::format("--ranks {}: must be at least 1", ranks));
  if (tensor < 1 || ranks % tensor != 0)
    throw UsageError(fmt::format("--tensor {}: must divide the number of ranks, {}", tensor, ranks));
  return {ranks / tensor, tensor,
          static_cast<int64_t>(at::elementSize(choose_precision(parallel.precision, device_of(parallel)))),
          at::elementSize(scalar_type(parallel.grad_dtype))};
}

}  // namespace

Forecast forecast(const recipe::Recipe& recipe, const Registries& registries, int64_t ranks, int64_t tensor) {
  const Layout layout = layout_of(recipe.parallel, ranks, tensor);
  const std::optional<TrainingSet> set = read_training_set(recipe, registries.formats);
  auto model = load(recipe, registries, layout, set);
  const auto single = dist::make_single();
  Forecast result;
  result.lengths_known = set.has_value();
  for (size_t i = 0; i < recipe.stages.size(); ++i) {
    const recipe::StageConfig& stage = recipe.stages[i];
    if (stage.method)
      registries.methods.make(*stage.method)
          ->attach(*model, {static_cast<uint64_t>(recipe.seed), *single, *single, /*resume=*/true});
    if (stage.train)
      result.stages.push_back(count(*model, recipe, stage, layout, workload(recipe, i, layout.data, set)));
  }
  return result;
}

}  // namespace filigree::train
