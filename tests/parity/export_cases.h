#pragma once
// Small random models, adapted and pruned in the ways that an export must carry; shared by the export tests.
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/adapt/low_rank_sparse.h"
#include "core/adapt/method.h"
#include "core/adapt/methods/masks/pst.h"
#include "core/error.h"
#include "core/export/export.h"
#include "core/export/peft/adapter_files.h"
#include "core/prune/plan.h"
#include "core/prune/score.h"
#include "core/prune/unstructured.h"
#include "core/random.h"
#include "dist/factory.h"
#include "models/registry.h"

namespace filigree::test {

inline constexpr double kLearnedSparsity = 0.9;  ///< export_check.py has it too

inline at::Tensor drawn(const std::string& name, const std::vector<int64_t>& shape, double scale) {
  at::Tensor tensor = at::empty(shape, at::kFloat);
  const uint64_t stream = random::stream(11, name);
  for (int64_t i = 0; i < tensor.numel(); ++i) {
    tensor.data_ptr<float>()[i] = static_cast<float>(scale * random::normal(stream, static_cast<uint64_t>(i)));
  }
  return tensor;
}

/// A model of random weights large enough that rounding and a wrong merge tell apart; config.json is written to `dir`.
inline std::unique_ptr<nn::Model> random_model(const std::string& family, const std::filesystem::path& dir, Task task,
                                               int64_t labels, const nlohmann::json& more = nlohmann::json::object()) {
  std::filesystem::create_directories(dir);
  nlohmann::json config = {{"vocab_size", 101},         {"hidden_size", 36},       {"num_hidden_layers", 3},
                           {"num_attention_heads", 6},  {"intermediate_size", 50}, {"max_position_embeddings", 42},
                           {"initializer_range", 0.15}, {"hidden_act", "gelu"}};
  if (family == "gpt2")
    config = {{"vocab_size", 101},         {"n_embd", 36},      {"n_layer", 3},     {"n_head", 6}, {"n_inner", 50},
              {"initializer_range", 0.15}, {"n_positions", 40}, {"eos_token_id", 0}};
  config["model_type"] = family;
  config.update(more);
  std::ofstream(dir / "config.json") << config.dump(1);
  models::ModelOptions options;
  options.task = task;
  options.pretrained = false;
  options.num_labels = labels;
  for (int64_t i = 0; task == Task::sequence_classification && i < labels; ++i) {
    options.label_names.push_back("noun." + std::to_string(i));
  }
  return models::load_model(dir.string(), options);
}

inline std::unique_ptr<nn::Model> random_bert(const std::filesystem::path& dir, Task task, int64_t labels) {
  return random_model("bert", dir, task, labels);
}

/// U, V and S2 with values everywhere, scale 2.
inline void add_update(nn::Model& model, nn::Linear& linear) {
  const int64_t out = linear.out_features(), in = linear.in_features();
  const adapt::Factors factors =
      adapt::add_factors(model.parameters(), linear, drawn(linear.name() + "V", {3, in}, 0.2));
  std::vector<int64_t> rows, cols;
  for (int64_t i = 0; i < out; i += 2) {
    rows.push_back(i);
    cols.push_back((i * 7 + 3) % in);
  }
  const adapt::SparseEntries entries = adapt::add_entries(model.parameters(), linear.name(), out, in,
                                                          at::tensor(rows, at::kLong), at::tensor(cols, at::kLong));
  factors.u->value().detach().copy_(drawn(linear.name() + "U", {out, 3}, 0.2));
  entries.values->value().detach().copy_(drawn(linear.name() + "S", {static_cast<int64_t>(rows.size())}, 0.2));
  linear.set_adapter(std::make_shared<adapt::LowRankSparse>(factors, entries, 2.0, 0.5));
}

inline void add_updates(nn::Model& model) {
  for (nn::Linear* linear : prune::select_linears(model, {"query", "value"})) add_update(model, *linear);
}

/// Updates of three kinds and of several ranks.
inline void add_mixed_updates(nn::Model& model) {
  add_updates(model);
  for (nn::Linear* linear : prune::select_linears(model, {"key"})) {
    const adapt::Factors factors =
        adapt::add_factors(model.parameters(), *linear, drawn(linear->name() + "V", {2, linear->in_features()}, 0.2));
    factors.u->value().detach().copy_(drawn(linear->name() + "U", {linear->out_features(), 2}, 0.2));
    linear->set_adapter(std::make_shared<adapt::LowRankSparse>(factors, std::nullopt, 0.5, 0.5));
  }
  for (nn::Linear* linear : prune::select_linears(model, {"intermediate.dense"})) {
    const adapt::SparseEntries entries =
        adapt::add_entries(model.parameters(), linear->name(), linear->out_features(), linear->in_features(),
                           at::tensor({1, 2, 30, 49}, at::kLong), at::tensor({5, 5, 0, 35}, at::kLong));
    entries.values->value().detach().copy_(drawn(linear->name() + "S", {4}, 0.5));
    linear->set_adapter(std::make_shared<adapt::LowRankSparse>(std::nullopt, entries, 3.0, 3.0));
  }
}

inline void prune_units(nn::Model& model, double heads, double ffn, bool global) {
  prune::ScoreRequest request{.score = prune::builtin_scores().at("magnitude+delta"), .global = global};
  const auto scores = prune::score_structures(model, request, *dist::make_single());
  prune::apply(model, prune::make_plan(model.structures(), scores, {heads, ffn, global, ""}));
}

/// Zeroes half of the entries of these linears by masks.
inline void prune_entries(nn::Model& model, const std::vector<std::string>& targets, bool global = false) {
  const prune::WeightRequest request{.global = global,
                                     .scores = {.score = prune::builtin_scores().at("magnitude+delta")}};
  prune::prune_weights(model, prune::select_linears(model, targets), request, *dist::make_single());
}

/// PST on all linears of the encoder at its final sparsity, with values everywhere.
inline void add_learned_masks(nn::Model& model) {
  const auto options = std::make_shared<adapt::PstOptions>();
  options->sparsity = kLearnedSparsity;
  const auto method = adapt::builtin_methods().make({"pst", options});
  const auto ranks = dist::make_single();
  method->attach(model, {.seed = 3, .ranks = *ranks, .tp = *ranks});
  for (const nn::ParameterPtr& parameter : model.parameters())
    for (const char* end : {".lora_V", ".score_B", ".score_R", ".score_C"})
      if (parameter->name.ends_with(end))
        parameter->value().detach().copy_(drawn(parameter->name, parameter->logical_shape, 0.05));
  method->refresh(model, {100, 100, true, *ranks, *ranks});
}

struct ExportCase {
  std::string name;
  Task task = Task::sequence_classification;
  std::function<void(nn::Model&)> change;
  bool zero_filled = false;  ///< in format hf
  int64_t width = 50;        ///< neurons a layer that format hf says
  std::string family = "bert";
  uint64_t shard_bytes = 0;
  nlohmann::json more = nlohmann::json::object();  ///< of config.json
};

/// Where export_check.py finds the cases: <case>/{base,hf,live.safetensors}.
inline const std::filesystem::path kOut = std::filesystem::path(FILIGREE_BINARY_DIR) / "reference" / "export";

/// What export_check.py compares with: the probe batch and the live model's logits.
inline void write_live(nn::Model& model, const std::filesystem::path& file) {
  const at::NoGradGuard no_grad;
  const data::Batch probe = checkpoint::probe_batch(model);
  const at::Tensor logits = model.forward(probe, {}).logits;
  checkpoint::write_safetensors(
      file.string(), {{"ids", probe.ids}, {"offsets", at::tensor(probe.offsets, at::kLong)}, {"logits", logits}});
}

/// Keys of a base's config.json that are not true of what is exported from it.
inline nlohmann::json base_only_keys() {
  return {{"quantization_config", {{"quant_method", "bitsandbytes"}, {"load_in_8bit", true}}},
          {"auto_map", {{"AutoModelForSequenceClassification", "modeling_other.Other"}}},
          {"architectures", {"OtherModel"}},
          {"torch_dtype", "float16"},
          {"dtype", "bfloat16"},
          {"_name_or_path", "somewhere/else"},
          {"transformers_version", "4.1.0"},
          {"_attn_implementation_autoset", true},
          {"custom_pipelines", {{"x", {{"impl", "x.X"}}}}},
          {"num_labels", 3},
          {"problem_type", "regression"}};
}

inline nlohmann::json untied() { return {{"tie_word_embeddings", false}}; }

inline std::vector<ExportCase> export_cases() {
  const auto unstructured = [](nn::Model& model) { prune_entries(model, {}, /*global=*/true); };
  return {{"plain", Task::sequence_classification, [](nn::Model&) {}},
          {"adapted", Task::sequence_classification, add_updates},
          {"unstructured", Task::sequence_classification,
           [=](nn::Model& model) { add_updates(model), unstructured(model); }},
          {"ffn_even", Task::sequence_classification,
           [](nn::Model& model) { add_updates(model), prune_units(model, 0, 0.4, false); }, false, 30},
          {"ffn_uneven", Task::sequence_classification,
           [](nn::Model& model) { add_updates(model), prune_units(model, 0, 0.4, true); }, true, 50},
          {"heads", Task::sequence_classification,
           [](nn::Model& model) { add_updates(model), prune_units(model, 0.34, 0, false); }, true, 50},
          {"everything", Task::sequence_classification,
           [=](nn::Model& model) {
             add_updates(model);
             unstructured(model);
             prune_units(model, 0.34, 0.4, true);
             prune_units(model, 0.5, 0.5, true);
           },
           true, 50},
          {"heads_ffn_even", Task::regression,
           [](nn::Model& model) { add_updates(model), prune_units(model, 0.34, 0.4, false); }, true, 30},
          {"masked_lm", Task::masked_lm,
           [](nn::Model& model) { add_updates(model), prune_units(model, 0, 0.4, false); }, false, 30},
          {"frozen_bf16", Task::sequence_classification,
           [](nn::Model& model) {
             model.parameters().set_frozen_dtype(at::kBFloat16);
             add_updates(model);
             prune_units(model, 0, 0.4, false);
           },
           false, 30},
          {"roberta_adapted", Task::sequence_classification, add_updates, false, 50, "roberta"},
          {"roberta_heads", Task::masked_lm,
           [](nn::Model& model) { add_updates(model), prune_units(model, 0.34, 0.4, false); }, true, 30, "roberta"},
          {"gpt2_adapted", Task::sequence_classification, add_updates, false, 50, "gpt2", 20000},
          {"bert_pst", Task::sequence_classification, add_learned_masks},
          {"roberta_pst", Task::masked_lm, add_learned_masks, false, 50, "roberta"},
          {"gpt2_pst", Task::sequence_classification, add_learned_masks, false, 50, "gpt2"},
          {"gpt2_lm_ffn", Task::causal_lm,
           [](nn::Model& model) { add_updates(model), prune_units(model, 0, 0.4, false); }, false, 30, "gpt2"},
          {"gpt2_lm_everything", Task::causal_lm,
           [=](nn::Model& model) {
             add_updates(model);
             unstructured(model);
             prune_units(model, 0.34, 0.4, true);
           },
           true, 50, "gpt2"},
          {"base_only_keys", Task::sequence_classification, add_updates, false, 50, "bert", 0, base_only_keys()},
          {"base_only_keys_lm", Task::masked_lm, [](nn::Model& model) { prune_units(model, 0.34, 0.4, false); }, true,
           30, "bert", 0, base_only_keys()},
          {"masked_lm_untied", Task::masked_lm, add_updates, false, 50, "bert", 0, untied()},
          {"roberta_untied", Task::masked_lm, add_updates, false, 50, "roberta", 0, untied()},
          {"gpt2_lm_untied", Task::causal_lm, add_updates, false, 50, "gpt2", 0, untied()}};
}

/// How the tests read an export back: nothing may be missing or left over.
inline std::unique_ptr<nn::Model> reread(const std::string& dir, Task task) {
  models::ModelOptions options;
  options.task = task;
  models::LoadReport report;
  auto model = models::load_model(dir, options, &report);
  FG_CHECK(report.newly_initialized.empty() && report.unused.empty(), "{}: {} tensors are missing, {} left over", dir,
           report.newly_initialized.size(), report.unused.size());
  return model;
}

/// Loads the base of an adapter.
inline checkpoint::LoadBase reload_base(Task task) {
  return [task](const std::string& dir, nn::LoadReport&) { return reread(dir, task); };
}

inline checkpoint::ExportRequest export_request(const std::filesystem::path& dir, const ExportCase& of,
                                                checkpoint::ExportFormat format) {
  checkpoint::ExportRequest request;
  request.dir = dir.string();
  request.format = format;
  request.shard_bytes = of.shard_bytes;
  request.reload = [task = of.task](const std::string& written) { return reread(written, task); };
  return request;
}

}  // namespace filigree::test
