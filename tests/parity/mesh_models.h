#pragma once
// The models, batches and methods of mesh_cases.h: the same on every mesh.
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/adapt/method.h"
#include "core/adapt/methods/child_tuning.h"
#include "core/adapt/methods/dps.h"
#include "core/adapt/methods/dsee.h"
#include "core/adapt/methods/masks/block_movement.h"
#include "core/adapt/methods/masks/movement.h"
#include "core/adapt/methods/mixout.h"
#include "core/data/batch.h"
#include "core/data/to_device.h"
#include "core/parallel/parallelize.h"
#include "core/prune/unstructured.h"
#include "core/random.h"
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
  if (method == "gates") return ends_in(".gates");       // at first 1
  if (method == "mixout") return ends_in("mix_target");  // at first the weight itself
  if (method == "dps") return ends_in(".pretrained");    // the same
  return ends_in("lora_U") || ends_in("sparse_values") || ends_in(".score");
}

/// Gives what a method starts at 0 values, the same on every mesh.
inline void fill_zeros(nn::Model& model, const std::string& method) {
  for (const nn::ParameterPtr& parameter : model.parameters()) {
    if (!starts_at_zero(parameter->name, method)) continue;
    // PST's left factors have unit variance: with right ones of 0.05, weights keep the size that they have elsewhere.
    const at::Tensor whole = drawn(parameter->name, parameter->logical_shape, method == "pst" ? 0.05 : 0.2);
    parameter->value().detach().copy_(nn::local_shard(whole, parameter->placement));
  }
}

/// Attaches a method, fills its zeros, and makes what follows from them at the end of a stage.
inline std::unique_ptr<adapt::Method> attach(nn::Model& model, const recipe::MethodConfig& config,
                                             dist::Communicator& ranks, dist::Communicator& tp) {
  std::unique_ptr<adapt::Method> method = adapt::builtin_methods().make(config);
  method->attach(model, {.seed = 9, .ranks = ranks, .tp = tp});
  fill_zeros(model, config.name);
  method->refresh(model, {100, 100, true, ranks, tp});
  return method;
}

/// The methods of the lists in mesh_cases.h: names of the registry, or
///   dps_mix, child_f                DPS and Child-Tuning in their other variant
///   dsee_visited                    dsee with so few entries that each is visited; dsee itself is merged
///   METHOD_masked                   METHOD after a prune: a mask over the weight of every linear
///   METHOD_merged_mask              METHOD with a mask over weight and update; full trains the update of an earlier dsee
inline std::string without_mask(const std::string& name) {
  for (const std::string mask : {"_merged_mask", "_masked"})
    if (name.ends_with(mask)) return name.substr(0, name.size() - mask.size());
  return name;
}

inline recipe::MethodConfig config_of(const std::string& name) {
  const std::string method = without_mask(name);
  const std::string registered = method == "dps_mix"        ? "dps"
                                 : method == "child_f"      ? "child_tuning"
                                 : method == "dsee_visited" ? "dsee"
                                                            : method;
  const auto options = adapt::builtin_methods().catalog().entries().at(registered).make();
  if (const auto blocks = std::dynamic_pointer_cast<adapt::BlockMovementOptions>(options)) {
    blocks->block = 3;
    blocks->threshold = 0.5;  // of scores around 0
  }
  if (const auto soft = std::dynamic_pointer_cast<adapt::SoftMovementOptions>(options)) soft->threshold = 0.5;
  if (const auto mixout = std::dynamic_pointer_cast<adapt::MixoutOptions>(options)) mixout->probability = 0.3;
  if (method == "dps_mix") std::dynamic_pointer_cast<adapt::DpsOptions>(options)->variant = adapt::DpsVariant::mix;
  if (method == "child_f")
    std::dynamic_pointer_cast<adapt::ChildTuningOptions>(options)->variant = adapt::ChildVariant::f;
  if (method == "dsee_visited") std::dynamic_pointer_cast<adapt::DseeOptions>(options)->num_sparse = 8;
  return {registered, options};
}

/// Removes about half of the entries of the linears of the encoder, or of those with an update: a function of the name.
inline void mask_linears(nn::Model& model, bool over_update) {
  for (nn::Linear* linear : model.encoder_linears()) {
    if (over_update && !linear->adapter()) continue;
    const at::Tensor bits = drawn(linear->name() + ".mask", linear->weight()->logical_shape, 1.0).gt(0).to(at::kByte);
    prune::put_mask(model, *linear, nn::local_shard(bits, linear->weight()->placement));
    if (over_update) linear->mask_update();
  }
}

inline std::unique_ptr<adapt::Method> attach(nn::Model& model, const std::string& name, dist::Communicator& ranks,
                                             dist::Communicator& tp) {
  if (name.ends_with("_masked")) mask_linears(model, false);
  if (name == "full_merged_mask") attach(model, "dsee_merged_mask", ranks, tp);
  std::unique_ptr<adapt::Method> method = attach(model, config_of(name), ranks, tp);
  if (name.ends_with("_merged_mask")) mask_linears(model, true);
  return method;
}

inline double difference(const at::Tensor& a, const at::Tensor& b, const at::Tensor& whole) {
  if (a.numel() == 0) return 0;
  return a.cpu().sub(b.cpu()).abs().max().item<double>() / std::max(1e-12, whole.abs().max().item<double>());
}

}  // namespace filigree::test
