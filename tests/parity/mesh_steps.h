#pragma once
// One step of a method on a mesh against the same step on one rank: what its hooks do to gradients, and the masks that they
// make.
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "core/adapt/method.h"
#include "core/nn/weight_gradients.h"
#include "dist/factory.h"
#include "dist/mesh.h"
#include "tests/parity/mesh_models.h"

namespace filigree::test {

/// The gradient of the key's weight, by the name of its bias.
inline at::Tensor key_weight_gradient(nn::Model& model, const std::string& bias) {
  const std::string key = bias.substr(0, bias.size() - std::string("bias").size());
  at::Tensor of_weight = model.parameters().at(key + "weight").value().grad();
  if (of_weight.defined()) return of_weight;
  // bitfit: of the query's bias, which meets the same scores.
  std::string query = bias;
  return model.parameters().at(query.replace(query.find("key"), 3, "query")).value().grad();
}

inline nn::ForwardContext training() {
  nn::ForwardContext context;
  context.training = true;
  context.seed = 2;
  context.step = 17;
  return context;
}

inline nn::GradientBatches pass_of(nn::Model& model, dist::Communicator& dp) {
  const auto run_batch = [&model, &dp](int64_t i) {
    std::vector<int64_t> own;
    for (const int64_t sample : samples_of(dp.rank(), dp.size())) own.push_back(sample + 10 * i);
    if (own.empty()) return;
    const auto output = model.forward(batch_of(own, model.task(), model.device()), {});
    output.loss_sum.div(static_cast<double>(kSamples)).backward();
  };
  return {3, run_batch, dp};
}

/// A backward pass whose gradients are summed over the ranks, in place.
inline void summed_backward(nn::Model& model, const std::vector<int64_t>& own, dist::Communicator& dp,
                            dist::Communicator& tp) {
  for (const nn::ParameterPtr& parameter : model.parameters())
    if (parameter->trainable()) parameter->value().mutable_grad() = parameter->value().detach().mul(0);
  if (!own.empty()) model.forward(batch_of(own, model.task(), model.device()), training()).loss_sum.backward();
  for (const nn::ParameterPtr& parameter : model.parameters()) {
    if (!parameter->trainable()) continue;
    dp.all_reduce(parameter->value().grad());
    if (parameter->partial_gradient) tp.all_reduce(parameter->value().grad());
  }
}

/// The gradients that summed_backward() leaves, against those of the whole model.
inline void compare_gradients(nn::Model& cut, nn::Model& whole, const std::string& where) {
  for (const nn::ParameterPtr& parameter : cut.parameters()) {
    if (!parameter->trainable()) continue;
    const at::Tensor expected = whole.parameters().at(parameter->name).value().grad();
    // A key's bias shifts all scores of a query alike: its gradient is zero, what is left is rounding; so it is held
    // against the gradient of the key's weight.
    const at::Tensor scale =
        parameter->name.ends_with("key.bias") ? key_weight_gradient(whole, parameter->name) : expected;
    EXPECT_LE(difference(parameter->value().grad(), nn::local_shard(expected, parameter->placement), scale), kTolerance)
        << where << " " << parameter->name;
  }
}

/// Whether the method makes this parameter as a mask.
inline bool is_mask(const nn::Parameter& parameter) {
  return parameter.name.ends_with(".learned_mask") || parameter.name.ends_with(".update_mask");
}

/// The masks that the method makes, to the bit. Returns the number of zeros in them; a learned mask has some.
inline int64_t compare_masks(nn::Model& cut, nn::Model& whole, const std::string& where) {
  int64_t zeros = 0;
  bool learned = false;
  for (const nn::ParameterPtr& parameter : cut.parameters()) {
    if (!is_mask(*parameter)) continue;
    const nn::Parameter& other = whole.parameters().at(parameter->name);
    EXPECT_TRUE(parameter->value().equal(nn::local_shard(other.value(), parameter->placement)))
        << where << " " << parameter->name;
    zeros += other.value().eq(0).sum().item<int64_t>();
    learned = learned || parameter->name.ends_with(".learned_mask");
  }
  EXPECT_TRUE(!learned || zeros > 0) << where << ": the masks remove nothing";
  return zeros;
}

/// The entries that DPS and Child-Tuning select from gradients are the same on any mesh.
inline void check_selection(dist::Communicator& world, int tensor, at::Device device, const Family& family,
                            const recipe::MethodConfig& config) {
  const dist::Mesh mesh = mesh_of(world, tensor);
  const auto single = dist::make_single();
  const auto task = Task::sequence_classification;
  const auto whole = model_of(family, task, nullptr, device), cut = model_of(family, task, &mesh, device);
  const auto of_whole = attach(*whole, config, *single, *single), of_cut = attach(*cut, config, world, mesh.tp());
  const auto select = [](adapt::Method& method, nn::Model& model, const dist::Communicator& dp, adapt::Step step,
                         const nn::GradientBatches& batches) {
    step.losses = kSamples;
    summed_backward(model, samples_of(dp.rank(), dp.size()), batches.dp, step.tp);
    if (method.gradient_batches(step) > 0) method.read_gradients(model, step, batches);
    method.before_step(model, step);
    method.after_backward(model, step);
    ++step.step;
    method.refresh(model, step);
  };
  select(*of_whole, *whole, *single, {0, 2, true, *single, *single}, pass_of(*whole, *single));
  select(*of_cut, *cut, mesh.dp(), {0, 2, true, world, mesh.tp()}, pass_of(*cut, mesh.dp()));
  EXPECT_GT(compare_masks(*cut, *whole, config.name), 0) << "nothing is left out";
}

/// Gives DPS the sums of a period, the same on every mesh.
inline void fill_sums(nn::Model& model) {
  for (const nn::ParameterPtr& parameter : model.parameters()) {
    const bool uses = parameter->name.ends_with(".dps_uses");
    if (!uses && !parameter->name.ends_with(".dps_sum")) continue;
    const at::Tensor whole = drawn(parameter->name, parameter->logical_shape, uses ? 4.0 : 1.0).abs();
    parameter->value().copy_(nn::local_shard(uses ? whole.round() : whole, parameter->placement));
  }
}

/// The hooks of step `at` of 100, in the trainer's order: gradients with the penalty, drawn masks, mixed weights.
inline void check_hooks(dist::Communicator& world, int tensor, at::Device device, const Family& family,
                        const std::string& name, int64_t at) {
  const dist::Mesh mesh = mesh_of(world, tensor);
  const auto single = dist::make_single();
  const auto task = Task::sequence_classification;
  const auto whole = model_of(family, task, nullptr, device), cut = model_of(family, task, &mesh, device);
  const auto of_whole = attach(*whole, name, *single, *single), of_cut = attach(*cut, name, world, mesh.tp());
  const auto run = [&](adapt::Method& method, nn::Model& model, dist::Communicator& dp, adapt::Step step) {
    step.losses = kSamples;
    fill_sums(model);
    method.refresh(model, step);
    method.before_step(model, step);
    summed_backward(model, samples_of(dp.rank(), dp.size()), dp, step.tp);
    method.after_backward(model, step);
    method.before_update(model, step);
  };
  run(*of_whole, *whole, *single, {at, 100, true, *single, *single});
  run(*of_cut, *cut, mesh.dp(), {at, 100, true, world, mesh.tp()});
  compare_gradients(*cut, *whole, name);
  compare_masks(*cut, *whole, name);
}

/// With coarse scores, or coarse sums of squares, most entries at the threshold are ties: the same ones stay on every mesh.
inline void check_ties(dist::Communicator& world, int tensor, at::Device device, const Family& family,
                       const std::string& name) {
  const dist::Mesh mesh = mesh_of(world, tensor);
  const auto single = dist::make_single();
  const auto task = Task::sequence_classification;
  const auto whole = model_of(family, task, nullptr, device), cut = model_of(family, task, &mesh, device);
  const auto of_whole = attach(*whole, name, *single, *single), of_cut = attach(*cut, name, world, mesh.tp());
  for (nn::Model* model : {whole.get(), cut.get()}) {
    fill_sums(*model);
    for (const nn::ParameterPtr& parameter : model->parameters())
      if (parameter->name.ends_with(".score") || parameter->name.ends_with(".dps_sum"))
        parameter->value().detach().copy_(parameter->value().detach().mul(4).round().div(4));
  }
  of_whole->refresh(*whole, {15, 100, true, *single, *single});
  of_cut->refresh(*cut, {15, 100, true, world, mesh.tp()});
  EXPECT_GT(compare_masks(*cut, *whole, name), 0) << "nothing is left out";
}

/// Three sums of counts for the masks of all matrices.
inline void check_messages(dist::Communicator& world, int tensor, at::Device device, const Family& family,
                           const std::string& name) {
  const dist::Mesh mesh = mesh_of(world, tensor);
  if (tensor == 1) return;
  const auto model = model_of(family, Task::sequence_classification, &mesh, device);
  const auto method = attach(*model, name, world, mesh.tp());
  fill_sums(*model);
  const auto calls = [&] {
    const auto found = mesh.tp().traffic().find("all_reduce");
    return found == mesh.tp().traffic().end() ? 0 : static_cast<int64_t>(found->second.calls);
  };
  const int64_t before = calls();
  method->refresh(*model, {15, 100, true, world, mesh.tp()});
  EXPECT_EQ(calls() - before, 3) << name;
}

}  // namespace filigree::test
