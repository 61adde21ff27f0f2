#pragma once
// What a model computes on a dp x tp mesh against the same model on one rank: logits, gradients, pruned units and
// masks. Bodies for every rank of a world; mesh_parity_test.cpp runs them over threads, mesh_parity_mpi_test.cpp under
// mpirun.
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/adapt/method.h"
#include "core/adapt/methods/block_movement.h"
#include "core/adapt/methods/child_tuning.h"
#include "core/adapt/methods/dps.h"
#include "core/adapt/methods/dsee.h"
#include "core/adapt/methods/mixout.h"
#include "core/adapt/support.h"
#include "core/export/export.h"
#include "core/nn/full_tensor.h"
#include "core/nn/weight_gradients.h"
#include "core/parallel/parallelize.h"
#include "core/prune/plan.h"
#include "core/prune/rebalance.h"
#include "core/prune/score.h"
#include "core/prune/unstructured.h"
#include "core/random.h"
#include "dist/factory.h"
#include "dist/mesh.h"
#include "models/registry.h"

namespace filigree::test {

inline constexpr double kTolerance = 1e-5;  ///< of a tensor's largest entry
inline constexpr int64_t kVocabulary = 101, kSamples = 7;

struct Family {
  std::string name;
  std::vector<Task> tasks;
  std::vector<std::string> masked;  ///< linears for unstructured pruning: split by outputs, by inputs, not at all
};

inline const std::vector<Family>& families() {
  static const std::vector<Family> all = {
      {"bert",
       {Task::sequence_classification, Task::regression, Task::masked_lm},
       {"query", "attention.output.dense", "pooler.dense"}},
      {"roberta",
       {Task::sequence_classification, Task::masked_lm},
       {"query", "intermediate.dense", "classifier.dense"}},
      {"gpt2", {Task::sequence_classification, Task::causal_lm}, {"value", "attn.c_proj", "mlp.c_proj"}}};
  return all;
}

/// With a decoder of their own over the vocabulary.
inline const std::vector<Family>& untied_families() {
  static const std::vector<Family> all = {{"bert_untied", {Task::masked_lm}, {}},
                                          {"roberta_untied", {Task::masked_lm}, {}},
                                          {"gpt2_untied", {Task::causal_lm}, {}}};
  return all;
}

inline std::string model_dir(const std::string& family) {
  return std::string(FILIGREE_BINARY_DIR) + "/mesh_parity/" + family;
}

/// 12 heads, so that 5 ranks hold 2 or 3 of them; 50 neurons; dropout 0.1.
inline void write_models() {
  const nlohmann::json encoder = {{"vocab_size", kVocabulary}, {"hidden_size", 36},
                                  {"num_hidden_layers", 3},    {"num_attention_heads", 12},
                                  {"intermediate_size", 50},   {"hidden_act", "gelu"},
                                  {"initializer_range", 0.15}, {"max_position_embeddings", 40}};
  const nlohmann::json decoder = {
      {"vocab_size", kVocabulary}, {"n_embd", 36},      {"n_layer", 3},     {"n_head", 12}, {"n_inner", 50},
      {"initializer_range", 0.15}, {"n_positions", 40}, {"eos_token_id", 0}};
  for (const auto* list : {&families(), &untied_families()}) {
    for (const Family& family : *list) {
      const std::string type = family.name.substr(0, family.name.find('_'));
      nlohmann::json config = type == "gpt2" ? decoder : encoder;
      config["model_type"] = type;
      config["tie_word_embeddings"] = list == &families();
      std::filesystem::create_directories(model_dir(family.name));
      std::ofstream(model_dir(family.name) + "/config.json") << config.dump(1);
    }
  }
}

inline dist::Mesh mesh_of(dist::Communicator& world, int tensor) {
  return dist::Mesh(std::shared_ptr<dist::Communicator>(std::shared_ptr<void>(), &world), tensor);
}

/// Normal values, the same on every rank.
inline at::Tensor drawn(const std::string& name, const std::vector<int64_t>& shape, double scale) {
  at::Tensor values = at::empty(shape, at::kFloat);
  const uint64_t stream = random::stream(8, name);
  for (int64_t i = 0; i < values.numel(); ++i)
    values.data_ptr<float>()[i] = static_cast<float>(scale * random::normal(stream, static_cast<uint64_t>(i)));
  return values;
}

/// mesh: cut over its tensor-parallel axis; nullptr: whole.
inline std::unique_ptr<nn::Model> model_of(const Family& family, Task task, const dist::Mesh* mesh, at::Device device) {
  models::ModelOptions options;
  options.task = task;
  options.pretrained = false;
  options.num_labels = task == Task::regression ? 1 : 3;
  options.seed = 5;
  if (mesh)
    options.shard = [mesh](nn::Model& model) { train::shard_model(model, mesh->tp().rank(), mesh->tp().size()); };
  auto model = models::load_model(model_dir(family.name), options);
  for (const nn::ParameterPtr& parameter : model->parameters())  // biases are drawn as 0: that would hide mistakes
    if (parameter->logical_shape.size() == 1)
      parameter->value().add_(
          nn::local_shard(drawn(parameter->name, parameter->logical_shape, 0.1), parameter->placement));
  model->to(device);
  if (mesh) train::install_tp_hooks(*model, mesh->tp());
  return model;
}

/// Samples of 1 to 12 tokens; the i-th is the same in every batch that holds it.
inline data::Batch batch_of(const std::vector<int64_t>& samples, Task task, at::Device device) {
  std::vector<int64_t> ids, positions, classes;
  std::vector<double> targets;
  data::Batch batch;
  batch.offsets = {0};
  for (const int64_t sample : samples) {
    const uint64_t stream = random::stream(3, "mesh sample", sample);
    const auto length = static_cast<int64_t>(1 + random::bits(stream, 0) % 12);
    for (int64_t i = 0; i < length; ++i) {
      const auto word = static_cast<int64_t>(random::bits(stream, static_cast<uint64_t>(i + 2)) % kVocabulary);
      ids.push_back(word);
      positions.push_back(i);
      if (is_over_tokens(task)) classes.push_back(i % 3 == 0 ? (word * 31 + 7) % kVocabulary : -100);
    }
    if (task == Task::sequence_classification) classes.push_back(sample % 3);
    targets.push_back(0.3 * static_cast<double>(sample));
    batch.samples.push_back(sample);
    batch.offsets.push_back(static_cast<int64_t>(ids.size()));
  }
  batch.ids = at::tensor(ids, at::kLong);
  batch.positions = at::tensor(positions, at::kLong);
  batch.type_ids = batch.ids.mul(0);
  batch.labels = task == Task::regression ? at::tensor(targets, at::kFloat) : at::tensor(classes, at::kLong);
  return data::to(batch, device);
}

inline std::vector<int64_t> samples_of(int rank, int ranks) {
  std::vector<int64_t> own;
  for (int64_t i = rank; i < kSamples; i += ranks) own.push_back(i);
  return own;
}

/// Whether a method starts this parameter at 0. PST starts the right factors at 0, the others the left ones.
inline bool starts_at_zero(const std::string& name, const std::string& method) {
  const auto ends_in = [&name](const char* end) { return name.ends_with(end); };
  if (method == "pst") return ends_in("lora_V") || ends_in("score_B") || ends_in("score_R") || ends_in("score_C");
  if (method == "gates") return ends_in(".gates");  // at first 1
  if (method == "mixout") return ends_in("mix_target");  // at first the weight itself
  return ends_in("lora_U") || ends_in("sparse_values") || ends_in(".score");
}

/// Attaches a method, gives its zeros values, the same on every mesh, and makes what follows from them at the end of a
/// stage.
inline std::unique_ptr<adapt::Method> attach(nn::Model& model, const recipe::MethodConfig& config,
                                             dist::Communicator& ranks, dist::Communicator& tp) {
  std::unique_ptr<adapt::Method> method = adapt::builtin_methods().make(config);
  method->attach(model, {.seed = 9, .ranks = ranks, .tp = tp});
  for (const nn::ParameterPtr& parameter : model.parameters()) {
    if (!starts_at_zero(parameter->name, config.name)) continue;
    // PST's left factors have unit variance: with right ones of 0.05, weights keep the size that they have elsewhere.
    const at::Tensor whole = drawn(parameter->name, parameter->logical_shape, config.name == "pst" ? 0.05 : 0.2);
    parameter->value().detach().copy_(nn::local_shard(whole, parameter->placement));
  }
  method->refresh(model, {100, 100, true, ranks, tp});
  return method;
}

inline std::unique_ptr<adapt::Method> attach(nn::Model& model, const std::string& method, dist::Communicator& ranks,
                                             dist::Communicator& tp) {
  const auto options = adapt::builtin_methods().catalog().entries().at(method).make();
  if (method == "block_movement") {
    const auto blocks = std::dynamic_pointer_cast<adapt::BlockMovementOptions>(options);
    blocks->block = 3;
    blocks->threshold = 0.5;  // of scores around 0
  }
  if (method == "mixout") std::dynamic_pointer_cast<adapt::MixoutOptions>(options)->probability = 0.3;
  return attach(model, {method, options}, ranks, tp);
}

inline double difference(const at::Tensor& a, const at::Tensor& b, const at::Tensor& whole) {
  if (a.numel() == 0) return 0;
  return a.cpu().sub(b.cpu()).abs().max().item<double>() / std::max(1e-12, whole.abs().max().item<double>());
}

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
  const prune::WeightRequest request{.share = 0.37, .global = global, .scores = {.score = prune::builtin_scores().at("magnitude")}};
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
    for (const std::string method : {"full", "dsee", "lora", "bitfit", "pst", "mixout", "movement", "smp", "gates", "block_movement"})
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
