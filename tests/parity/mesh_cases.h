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
#include "tests/parity/mesh_steps.h"

namespace filigree::test {

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
    const auto attached = attach(*models.back(), method, world, mesh.tp());
    attached->before_step(*models.back(), {0, 100, true, world, mesh.tp()});
    nn::ForwardContext context = training();
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

/// Losses and gradients of one pass with dropout on, and logits without.
inline void check_pass(dist::Communicator& world, int tensor, at::Device device, const Family& family, Task task,
                       const std::string& method) {
  const dist::Mesh mesh = mesh_of(world, tensor);
  const auto single = dist::make_single();
  const auto whole = model_of(family, task, nullptr, device), cut = model_of(family, task, &mesh, device);
  const auto of_whole = attach(*whole, method, *single, *single), of_cut = attach(*cut, method, world, mesh.tp());
  adapt::Step on_one{0, 100, true, *single, *single}, on_mesh{0, 100, true, world, mesh.tp()};
  if (of_whole->gradient_batches(on_one) > 0) {
    of_whole->read_gradients(*whole, on_one, pass_of(*whole, *single));
    of_cut->read_gradients(*cut, on_mesh, pass_of(*cut, mesh.dp()));
    for (nn::Model* model : {whole.get(), cut.get()}) fill_zeros(*model, of_whole->name());
  }
  auto unlabelled = batch_of(samples_of(mesh.dp().rank(), mesh.dp().size()), task, device);
  unlabelled.labels = at::Tensor();
  {
    const at::NoGradGuard no_grad;
    const at::Tensor expected = whole->forward(unlabelled, {}).logits, found = cut->forward(unlabelled, {}).logits;
    ASSERT_EQ(found.sizes(), expected.sizes());
    EXPECT_LE(difference(found, expected, expected), kTolerance) << method << " logits";
  }
  compare_masks(*cut, *whole, method);
  of_whole->before_step(*whole, on_one);
  of_cut->before_step(*cut, on_mesh);
  summed_backward(*whole, samples_of(0, 1), *single, *single);
  summed_backward(*cut, samples_of(mesh.dp().rank(), mesh.dp().size()), mesh.dp(), mesh.tp());
  compare_gradients(*cut, *whole, method);
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

/// Methods of which the same code sends the same messages as others: over threads alone.
inline void add_more_methods(const Family& family, std::vector<MeshCheck>& checks) {
  using dist::Communicator;
  const auto add = [&](const std::string& name, const auto& body) {
    checks.push_back({family.name + "_" + name, body});
  };
  for (const std::string method : {"soft_movement", "dps_mix", "sift", "dsee_visited", "full_masked", "dsee_masked",
                                   "dsee_merged_mask", "full_merged_mask"})
    add(method, [=](Communicator& world, int tensor, at::Device device) {
      check_pass(world, tensor, device, family, family.tasks.front(), method);
    });
  for (const std::string method : {"mixout", "gates", "block_movement", "dps_mix", "full_masked", "dsee_merged_mask"})
    add("recompute_" + method, [=](Communicator& world, int tensor, at::Device device) {
      check_recompute(world, tensor, device, family, method);
    });
  for (const std::string method : {"smp", "soft_movement", "block_movement", "gates", "child_f", "dps_mix"})
    add("step_" + method, [=](Communicator& world, int tensor, at::Device device) {
      // In steps 10 to 19 of 100, DPS selects; the others' levels and penalties are on their way.
      check_hooks(world, tensor, device, family, method, method == "dps_mix" ? 15 : 40);
    });
  const recipe::MethodConfig mix = config_of("dps_mix");
  std::dynamic_pointer_cast<adapt::DpsOptions>(mix.options)->update_ratio = 0.5;
  add("select_dps_mix",
      [=](Communicator& world, int tensor, at::Device device) { check_selection(world, tensor, device, family, mix); });
}

/// Of the masks alone, whose selection all families share.
inline void add_selections(const Family& family, std::vector<MeshCheck>& checks) {
  using dist::Communicator;
  for (const std::string method : {"movement", "smp", "dps", "dps_mix"})
    checks.push_back({"ties_" + method, [=](Communicator& world, int tensor, at::Device device) {
                        check_ties(world, tensor, device, family, method);
                      }});
  for (const std::string method : {"pst", "movement", "dps"})
    checks.push_back({"messages_" + method, [=](Communicator& world, int tensor, at::Device device) {
                        check_messages(world, tensor, device, family, method);
                      }});
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

inline std::vector<MeshCheck> more_mesh_checks() {
  std::vector<MeshCheck> checks;
  for (const Family& family : families()) add_more_methods(family, checks);
  add_selections(families().front(), checks);
  return checks;
}

}  // namespace filigree::test
