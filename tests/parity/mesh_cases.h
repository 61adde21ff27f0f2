#pragma once
// What a model computes on a dp x tp mesh against the same model on one rank: logits, gradients, pruned units and
// masks. Bodies for every rank of a world; mesh_parity_test.cpp runs them over threads, mesh_parity_mpi_test.cpp under
// mpirun.
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/adapt/method.h"
#include "core/adapt/methods/child_tuning.h"
#include "core/adapt/methods/dps.h"
#include "core/adapt/methods/dsee.h"
#include "core/adapt/support.h"
#include "core/export/export.h"
#include "core/nn/full_tensor.h"
#include "core/nn/weight_gradients.h"
#include "core/prune/plan.h"
#include "core/prune/rebalance.h"
#include "core/prune/score.h"
#include "core/prune/unstructured.h"
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

/// The backward pass that computes layers again gives the same, to the bit.
inline void check_recompute(dist::Communicator& world, int tensor, at::Device device, const Family& family,
                            const std::string& method) {
  const dist::Mesh mesh = mesh_of(world, tensor);
  std::vector<std::unique_ptr<nn::Model>> models;
  std::vector<at::Tensor> losses;
  // A causal language model has no head of its own that could train.
  const Task task = method == "head" ? family.tasks.front() : family.tasks.back();
  for (const bool recompute : {false, true}) {
    models.push_back(model_of(family, task, &mesh, device));
    attach(*models.back(), method, world, mesh.tp());
    nn::ForwardContext context;
    context.training = true;
    context.seed = 2;
    context.step = 17;
    context.recompute = recompute;
    const auto batch = batch_of({0, 1, 2, 3}, task, device);
    losses.push_back(models.back()->forward(batch, context).loss_sum);
    losses.back().backward();
  }
  EXPECT_TRUE(losses[0].equal(losses[1])) << method;
  for (const nn::ParameterPtr& parameter : models[0]->parameters()) {
    const at::Tensor expected = parameter->value().grad(),
                     found = models[1]->parameters().at(parameter->name).value().grad();
    EXPECT_EQ(expected.defined(), found.defined()) << method << " " << parameter->name;
    if (!expected.defined() || !found.defined()) continue;
    EXPECT_TRUE(found.equal(expected)) << method << " " << parameter->name;
  }
}

inline nn::ForwardContext training() {
  nn::ForwardContext context;
  context.training = true;
  context.seed = 2;
  context.step = 17;
  return context;
}

/// Losses and gradients of one pass with dropout on, and logits without.
inline void check_pass(dist::Communicator& world, int tensor, at::Device device, const Family& family, Task task,
                       const std::string& method) {
  const dist::Mesh mesh = mesh_of(world, tensor);
  const auto single = dist::make_single();
  const auto whole = model_of(family, task, nullptr, device), cut = model_of(family, task, &mesh, device);
  const auto of_whole = attach(*whole, method, *single, *single), of_cut = attach(*cut, method, world, mesh.tp());
  std::vector<int64_t> all;
  for (int64_t i = 0; i < kSamples; ++i) all.push_back(i);
  const auto mine = batch_of(samples_of(mesh.dp().rank(), mesh.dp().size()), task, device);

  auto unlabelled = mine;
  unlabelled.labels = at::Tensor();
  {
    const at::NoGradGuard no_grad;
    const at::Tensor expected = whole->forward(unlabelled, {}).logits, found = cut->forward(unlabelled, {}).logits;
    ASSERT_EQ(found.sizes(), expected.sizes());
    EXPECT_LE(difference(found, expected, expected), kTolerance) << method << " logits";
  }
  of_whole->before_step(*whole, {0, 100, true, *single, *single});
  of_cut->before_step(*cut, {0, 100, true, world, mesh.tp()});
  whole->forward(batch_of(all, task, device), training()).loss_sum.backward();
  if (mine.size() > 0) cut->forward(mine, training()).loss_sum.backward();
  for (const nn::ParameterPtr& parameter : cut->parameters()) {
    if (!parameter->trainable()) continue;
    at::Tensor gradient = parameter->value().grad();
    gradient = gradient.defined() ? gradient.clone() : parameter->value().detach().mul(0);
    mesh.dp().all_reduce(gradient);
    if (parameter->partial_gradient) mesh.tp().all_reduce(gradient);
    at::Tensor expected = whole->parameters().at(parameter->name).value().grad();
    if (!expected.defined()) expected = whole->parameters().at(parameter->name).value().detach().mul(0);
    // A key's bias shifts all scores of a query alike: its gradient is zero, what is left is rounding; so it is held
    // against the gradient of the key's weight.
    const at::Tensor scale =
        parameter->name.ends_with("key.bias") ? key_weight_gradient(*whole, parameter->name) : expected;
    EXPECT_LE(difference(gradient, nn::local_shard(expected, parameter->placement), scale), kTolerance)
        << method << " " << parameter->name;
  }
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

/// The places of S2 are those of the largest squared gradients of the whole weights, by autograd.
inline void check_gradient_support(dist::Communicator& world, int tensor, at::Device device, const Family& family) {
  const dist::Mesh mesh = mesh_of(world, tensor);
  const auto single = dist::make_single();
  const auto task = Task::sequence_classification;
  const auto whole = model_of(family, task, nullptr, device), cut = model_of(family, task, &mesh, device);
  const auto options = std::make_shared<adapt::DseeOptions>();
  options->support = adapt::SupportKind::gradient;
  options->num_sparse = 20;
  attach(*whole, {"dsee", options}, *single, *single);
  const auto method = attach(*cut, {"dsee", options}, world, mesh.tp());
  method->read_gradients(*cut, {64, 100, true, world, mesh.tp()}, pass_of(*cut, mesh.dp()));

  for (const nn::Linear* linear : whole->linears())
    if (linear->adapter()) whole->parameters().set_role(*linear->weight(), nn::Role::trainable);
  std::map<std::string, at::Tensor> squares;
  const nn::GradientBatches batches = pass_of(*whole, *single);
  for (int64_t i = 0; i < batches.batches; ++i) {
    for (const nn::Linear* linear : whole->linears()) linear->weight()->value().mutable_grad() = at::Tensor();
    batches.run_batch(i);
    for (const nn::Linear* linear : whole->linears()) {
      if (!linear->adapter()) continue;
      const at::Tensor square = linear->weight()->value().grad().square();
      at::Tensor& sum = squares[linear->name()];
      sum = sum.defined() ? sum.add(square) : square;
    }
  }
  ASSERT_FALSE(squares.empty());
  for (const auto& [name, sum] : squares) {
    const at::Tensor rows = cut->parameters().at(name + ".sparse_rows").value().cpu();
    const at::Tensor cols = cut->parameters().at(name + ".sparse_cols").value().cpu();
    const at::Tensor flat = rows.mul(sum.size(1)).add(cols);
    const auto* place = flat.const_data_ptr<int64_t>();
    EXPECT_EQ(std::vector<int64_t>(place, place + flat.numel()), adapt::largest(sum, 20)) << name;
  }
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
  int64_t masks = 0;
  for (const nn::ParameterPtr& parameter : cut->parameters()) {
    if (!parameter->name.ends_with(".update_mask")) continue;
    const nn::Parameter& other = whole->parameters().at(parameter->name);
    EXPECT_TRUE(parameter->value().equal(nn::local_shard(other.value(), parameter->placement))) << parameter->name;
    masks += other.value().eq(0).sum().item<int64_t>();
  }
  EXPECT_GT(masks, 0) << "nothing is left out";
}

/// The same units go, the ranks' shares are even afterwards, and what is left computes the same.
inline void check_structured(dist::Communicator& world, int tensor, at::Device device, const Family& family,
                             const std::string& score, bool global, const std::string& method = "dsee") {
  const dist::Mesh mesh = mesh_of(world, tensor);
  const auto single = dist::make_single();
  const auto task = Task::sequence_classification;
  const auto whole = model_of(family, task, nullptr, device), cut = model_of(family, task, &mesh, device);
  const auto of_whole = attach(*whole, method, *single, *single), of_cut = attach(*cut, method, world, mesh.tp());
  const prune::PruneRequest request{0.25, 0.4, global, score};
  prune::ScoreRequest scores{.score = prune::builtin_scores().at(score), .global = global, .seed = 4};
  scores.data.emplace(pass_of(*whole, *single));
  const auto expected =
      prune::make_plan(whole->structures(), prune::score_structures(*whole, scores, *single), request);
  scores.data.emplace(pass_of(*cut, mesh.dp()));
  const auto plan = prune::make_plan(cut->structures(), prune::score_structures(*cut, scores, mesh.tp()), request);
  ASSERT_EQ(plan.hash(), expected.hash()) << score << ": other units are pruned";
  prune::apply(*whole, expected);
  prune::apply(*cut, plan);
  prune::rebalance(*cut, mesh.tp());
  of_whole->refresh(*whole, {100, 100, true, *single, *single});
  of_cut->refresh(*cut, {100, 100, true, world, mesh.tp()});
  for (const nn::StructureGroup& group : cut->structures())
    for (const nn::Slice& share : group.shares) EXPECT_LE(std::abs(share.size() - group.share().size()), 1);
  const at::NoGradGuard no_grad;
  const auto batch = batch_of({0, 1, 2, 3}, task, device);
  const at::Tensor reference = whole->forward(batch, {}).logits;
  EXPECT_LE(difference(cut->forward(batch, {}).logits, reference, reference), kTolerance) << score;
  for (const nn::ParameterPtr& parameter : cut->parameters()) {
    const nn::Parameter& other = whole->parameters().at(parameter->name);
    EXPECT_EQ(parameter->logical_shape, other.logical_shape) << parameter->name;
    EXPECT_TRUE(parameter->value().equal(nn::local_shard(other.value(), parameter->placement))) << parameter->name;
  }
}

/// Masks are the same to the bit; with coarse weights most entries at the threshold are ties.
inline void check_masks(dist::Communicator& world, int tensor, at::Device device, const Family& family, bool global,
                        bool coarse) {
  const dist::Mesh mesh = mesh_of(world, tensor);
  const auto task = Task::sequence_classification;
  const auto whole = model_of(family, task, nullptr, device), cut = model_of(family, task, &mesh, device);
  for (nn::Model* model : {whole.get(), cut.get()})
    for (const nn::ParameterPtr& parameter : model->parameters())
      if (coarse) parameter->value().copy_(parameter->value().mul(8).round().div(8));
  const prune::WeightRequest request{
      .share = 0.37, .global = global, .scores = {.score = prune::builtin_scores().at("magnitude")}};
  const auto whole_linears = prune::select_linears(*whole, family.masked);
  const auto expected = prune::prune_weights(*whole, whole_linears, request, *dist::make_single());
  const auto linears = prune::select_linears(*cut, family.masked);
  const auto found = prune::prune_weights(*cut, linears, request, mesh.tp());
  EXPECT_EQ(found.zeros, expected.zeros);
  EXPECT_EQ(found.entries, expected.entries);
  for (const nn::Linear* linear : linears) {
    const nn::Parameter& mask = *linear->mask();
    const nn::Parameter& other = whole->parameters().at(mask.name);
    EXPECT_TRUE(mask.value().equal(nn::local_shard(other.value(), mask.placement))) << mask.name;
  }
}

/// A model that is brought together from its parts is the whole one.
inline void check_export(dist::Communicator& world, int tensor, at::Device device, const Family& family,
                         const std::string& method) {
  const dist::Mesh mesh = mesh_of(world, tensor);
  const auto single = dist::make_single();
  const Task task = family.tasks.back();
  const auto whole = model_of(family, task, nullptr, device), cut = model_of(family, task, &mesh, device);
  attach(*whole, method, *single, *single);
  attach(*cut, method, world, mesh.tp());
  const auto expected = checkpoint::merged_state(*whole, *single), found = checkpoint::merged_state(*cut, mesh.tp());
  ASSERT_EQ(found.size(), mesh.tp().rank() == 0 ? expected.size() : 0);
  for (size_t i = 0; i < found.size(); ++i) {
    EXPECT_EQ(found[i].first, expected[i].first);
    EXPECT_LE(difference(found[i].second, expected[i].second, expected[i].second), 1e-6) << found[i].first;
  }
}

/// Two all-reduces a layer each way, and one for the word embedding.
inline void check_sums(dist::Communicator& world, int tensor, at::Device device, const Family& family) {
  const dist::Mesh mesh = mesh_of(world, tensor);
  if (tensor == 1) return;
  const auto model = model_of(family, Task::sequence_classification, &mesh, device);
  attach(*model, "full", world, mesh.tp());
  const auto calls = [&] {
    const auto found = mesh.tp().traffic().find("all_reduce");
    return found == mesh.tp().traffic().end() ? 0 : static_cast<int64_t>(found->second.calls);
  };
  const int64_t before = calls(), layers = 3;
  const auto loss = model->forward(batch_of({0, 1}, model->task(), device), training()).loss_sum;
  EXPECT_EQ(calls() - before, 1 + 2 * layers);
  loss.backward();
  EXPECT_EQ(calls() - before, 1 + 4 * layers);
}

struct MeshCheck {
  std::string name;
  std::function<void(dist::Communicator& world, int tensor, at::Device device)> body;
};

inline void add_passes(const Family& family, std::vector<MeshCheck>& checks) {
  using dist::Communicator;
  const auto add = [&](const std::string& name, const auto& body) {
    checks.push_back({family.name + "_" + name, body});
  };
  for (const Task task : family.tasks)
    for (const std::string method :
         {"full", "dsee", "lora", "bitfit", "layernorm", "pst", "mixout", "movement", "smp", "gates", "block_movement"})
      add(fmt::format("{}_{}", enum_name(task), method), [=](Communicator& world, int tensor, at::Device device) {
        check_pass(world, tensor, device, family, task, method);
      });
  for (const std::string method : {"dsee", "pst", "gates"})
    add("export_" + method, [=](Communicator& world, int tensor, at::Device device) {
      check_export(world, tensor, device, family, method);
    });
}

inline void add_checks(const Family& family, std::vector<MeshCheck>& checks) {
  using dist::Communicator;
  const auto add = [&](const std::string& name, const auto& body) {
    checks.push_back({family.name + "_" + name, body});
  };
  for (const std::string score : {"magnitude+delta", "taylor", "l1", "random"})
    for (const bool global : {false, true})
      add(fmt::format("prune_{}_{}", score.substr(0, 6), global ? "global" : "layer"),
          [=](Communicator& world, int tensor, at::Device device) {
            check_structured(world, tensor, device, family, score, global);
          });
  for (const bool global : {false, true})
    for (const bool coarse : {false, true})
      add(fmt::format("mask_{}_{}", global ? "global" : "matrix", coarse ? "ties" : "plain"),
          [=](Communicator& world, int tensor, at::Device device) {
            check_masks(world, tensor, device, family, global, coarse);
          });
  add("support_gradient", [=](Communicator& world, int tensor, at::Device device) {
    check_gradient_support(world, tensor, device, family);
  });
  add("prune_pst", [=](Communicator& world, int tensor, at::Device device) {
    check_structured(world, tensor, device, family, "taylor", true, "pst");
  });
  add("prune_gates", [=](Communicator& world, int tensor, at::Device device) {
    check_structured(world, tensor, device, family, "gates", true, "gates");
  });
  add("prune_blocks", [=](Communicator& world, int tensor, at::Device device) {
    check_structured(world, tensor, device, family, "live", false, "block_movement");
  });
  const auto dps = std::make_shared<adapt::DpsOptions>();
  dps->update_ratio = 0.5;
  add("select_dps", [=](Communicator& world, int tensor, at::Device device) {
    check_selection(world, tensor, device, family, {"dps", dps});
  });
  const auto child = std::make_shared<adapt::ChildTuningOptions>();
  child->batches = 3;
  add("select_child", [=](Communicator& world, int tensor, at::Device device) {
    check_selection(world, tensor, device, family, {"child_tuning", child});
  });
  for (const std::string method : {"full", "dsee", "head", "pst", "movement"})
    add("recompute_" + method, [=](Communicator& world, int tensor, at::Device device) {
      check_recompute(world, tensor, device, family, method);
    });
  add("sums", [=](Communicator& world, int tensor, at::Device device) { check_sums(world, tensor, device, family); });
}

inline std::vector<MeshCheck> mesh_checks() {
  std::vector<MeshCheck> checks;
  for (const Family& family : families()) {
    add_passes(family, checks);
    add_checks(family, checks);
  }
  for (const Family& family : untied_families()) add_passes(family, checks);
  return checks;
}

}  // namespace filigree::test
