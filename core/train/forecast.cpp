#include "core/train/forecast.h"

#include <filesystem>

#include "core/error.h"
#include "core/train/trainer.h"
#include "dist/factory.h"

namespace filigree::train {
namespace {

std::unique_ptr<nn::Model> load(const recipe::Recipe& recipe, const Plugins& plugins) {
  const auto task = data::resolve_task(recipe.data, data::objective_from(recipe.model.task));
  ModelRequest request;
  request.task = nn::task_from(recipe.model.task);
  request.labels = task.labels;
  request.seed = static_cast<uint64_t>(recipe.seed);
  // The shapes are all that counts, so a config.json without weights will do.
  namespace fs = std::filesystem;
  const fs::path dir(recipe.model.path);
  request.random_init = !fs::exists(dir / "model.safetensors") && !fs::exists(dir / "model.safetensors.index.json");
  auto model = plugins.load_model(recipe.model.path, request);
  model->parameters().set_frozen_dtype(recipe.parallel.precision == "bf16" ? at::kBFloat16 : at::kFloat);
  return model;
}

/// Elements that one token keeps for the backward pass: the inputs of the linears and of what lies between them.
uint64_t activation_elements(nn::Model& model) {
  uint64_t elements = 0;
  for (const auto* linear : model.linears())
    elements += static_cast<uint64_t>(linear->in_features() + linear->out_features());
  return elements;
}

StageForecast count(nn::Model& model, const recipe::Recipe& recipe, const recipe::StageConfig& stage, int64_t ranks) {
  StageForecast result;
  result.stage = stage.name;
  for (const auto& parameter : model.parameters()) {
    const auto numel = parameter->logical_numel();
    result.weights += static_cast<uint64_t>(parameter->value.numel()) * parameter->value.element_size();
    if (parameter->trainable()) result.trainable += numel;
    if (parameter->role == nn::Role::trainable || parameter->role == nn::Role::frozen) result.total += numel;
  }
  result.gradients = 4 * static_cast<uint64_t>(result.trainable);
  result.optimizer = 8 * static_cast<uint64_t>(result.trainable);
  const auto& train = *stage.train;
  const int64_t shares = ranks * train.accumulate;
  const int64_t samples = (train.batch_size + shares - 1) / shares;
  const uint64_t element = recipe.parallel.precision == "bf16" ? 2 : 4;
  result.activations = activation_elements(model) * element * static_cast<uint64_t>(samples * recipe.data.max_length);
  if (ranks > 1) {
    const uint64_t wire = recipe.parallel.wire == "bf16" ? 2 : 4;
    result.comm_bytes_per_step = wire * static_cast<uint64_t>(result.trainable) + kCounterBytes;
    result.full_comm_bytes_per_step = wire * static_cast<uint64_t>(result.total) + kCounterBytes;
  }
  return result;
}

}  // namespace

std::vector<StageForecast> forecast(const recipe::Recipe& recipe, const Plugins& plugins, int64_t ranks) {
  if (ranks < 1) throw UsageError(fmt::format("--ranks {}: give the number of ranks, 1 or more", ranks));
  auto model = load(recipe, plugins);
  const auto single = dist::make_single();
  std::vector<StageForecast> stages;
  for (const auto& stage : recipe.stages) {
    if (stage.method)
      plugins.methods.make(*stage.method)
          ->attach(*model, {static_cast<uint64_t>(recipe.seed), single.get(), /*resume=*/true});
    if (stage.train) stages.push_back(count(*model, recipe, stage, ranks));
  }
  return stages;
}

}  // namespace filigree::train
