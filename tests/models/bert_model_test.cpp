// Loading: names, shapes, heads, faults of config.json and of the weights; pruned shapes; dropout and the mesh.
#include <ATen/ops/abs.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/max.h>
#include <ATen/ops/sub.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "core/error.h"
#include "core/export/export.h"
#include "core/prune/inspect.h"
#include "core/safetensors/safetensors.h"
#include "dist/factory.h"
#include "models/registry.h"

namespace filigree::models {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

json small_config() {
  return {{"model_type", "bert"},          {"vocab_size", 50},         {"hidden_size", 24},
          {"num_hidden_layers", 2},        {"num_attention_heads", 3}, {"intermediate_size", 20},
          {"max_position_embeddings", 16}, {"type_vocab_size", 2}};
}

data::Batch batch_of(const std::vector<int64_t>& samples, const std::vector<int64_t>& lengths) {
  data::Batch batch;
  std::vector<int64_t> ids, positions, labels;
  batch.offsets = {0};
  for (size_t b = 0; b < samples.size(); ++b) {
    for (int64_t i = 0; i < lengths[b]; ++i) {
      ids.push_back((7 * samples[b] + 3 * i) % 50);
      positions.push_back(i);
    }
    batch.offsets.push_back(static_cast<int64_t>(ids.size()));
    labels.push_back(samples[b] % 2);
  }
  batch.samples = samples;
  batch.ids = at::tensor(ids, at::kLong);
  batch.positions = at::tensor(positions, at::kLong);
  batch.type_ids = at::tensor(std::vector<int64_t>(ids.size(), 0), at::kLong);
  batch.labels = at::tensor(labels, at::kLong);
  return batch;
}

class BertModel : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = fs::path(FILIGREE_BINARY_DIR) / "bert_model_test" /
           testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(dir_);
    fs::create_directories(dir_);
  }
  void write_config(const json& config) const { std::ofstream(dir_ / "config.json") << config.dump(); }
  void write_weights(const checkpoint::NamedTensors& tensors) const {
    checkpoint::write_safetensors((dir_ / "model.safetensors").string(), tensors);
  }
  /// A model of random weights, also written to the folder.
  std::unique_ptr<nn::Model> make(const json& config = small_config(), ModelOptions options = {}) const {
    write_config(config);
    options.pretrained = false;
    auto model = load_model(dir_.string(), options);
    write_weights(checkpoint::merged_state(*model, *dist::make_single()));
    return model;
  }
  std::string message(const ModelOptions& options = {}) const {
    try {
      load_model(dir_.string(), options);
    } catch (const DataError& error) {
      return error.what();
    }
    return "(no error)";
  }
  fs::path dir_;
};

at::Tensor logits(nn::Model& model) { return model.forward(batch_of({4, 9}, {5, 11}), {}).logits; }

TEST_F(BertModel, RoundTripOfAnExport) {
  const auto model = make();
  LoadReport report;
  const auto again = load_model(dir_.string(), {}, &report);
  EXPECT_TRUE(report.newly_initialized.empty() && report.unused.empty());
  EXPECT_TRUE(at::equal(logits(*model), logits(*again)));
}

TEST_F(BertModel, TakesNamesWithoutPrefixAndOfOldFiles) {
  const auto model = make();
  checkpoint::NamedTensors old;
  for (auto [name, tensor] : checkpoint::merged_state(*model, *dist::make_single())) {
    if (name.starts_with("bert.")) name = name.substr(5);
    if (const size_t at = name.find("LayerNorm.weight"); at != std::string::npos)
      name.replace(at, std::string::npos, "LayerNorm.gamma");
    if (const size_t at = name.find("LayerNorm.bias"); at != std::string::npos)
      name.replace(at, std::string::npos, "LayerNorm.beta");
    old.emplace_back(name, tensor);
  }
  old.emplace_back("embeddings.position_ids", at::tensor(std::vector<int64_t>{0, 1}, at::kLong));
  old.emplace_back("cls.seq_relationship.bias", at::tensor(std::vector<double>{1.0}));
  write_weights(old);
  LoadReport report;
  EXPECT_TRUE(at::equal(logits(*load_model(dir_.string(), {}, &report)), logits(*model)));
  EXPECT_TRUE(report.newly_initialized.empty());
  EXPECT_EQ(report.unused, std::vector<std::string>{"cls.seq_relationship.bias"});
}

TEST_F(BertModel, ANewHeadIsDrawnFromTheSeedAndReported) {
  const auto model = make();
  checkpoint::NamedTensors backbone = checkpoint::merged_state(*model, *dist::make_single());
  std::erase_if(backbone, [](const auto& entry) { return entry.first.starts_with("classifier."); });
  write_weights(backbone);
  ModelOptions options;
  options.num_labels = 7;
  options.label_names = {"a", "b", "c", "d", "e", "f", "g"};
  options.seed = 5;
  LoadReport report;
  const auto one = load_model(dir_.string(), options, &report), two = load_model(dir_.string(), options);
  options.seed = 6;
  const auto other = load_model(dir_.string(), options);
  EXPECT_EQ(report.newly_initialized, (std::vector<std::string>{"classifier.weight", "classifier.bias"}));
  const auto head = [](nn::Model& m) { return m.parameters().at("classifier.weight").value(); };
  EXPECT_TRUE(at::equal(head(*one), head(*two)));
  EXPECT_FALSE(at::equal(head(*one), head(*other)));
  EXPECT_NEAR(head(*one).std().item<double>(), 0.02, 0.005);
  EXPECT_EQ(one->config()["id2label"]["6"], "g");
  EXPECT_EQ(one->config()["label2id"]["g"], 6);
}

TEST_F(BertModel, MissingAndMisshapenTensorsAreNamed) {
  const auto model = make();
  const checkpoint::NamedTensors all = checkpoint::merged_state(*model, *dist::make_single());
  checkpoint::NamedTensors some = all;
  std::erase_if(some, [](const auto& entry) { return entry.first.find("layer.1.output.dense") != std::string::npos; });
  write_weights(some);
  EXPECT_NE(message().find("bert.encoder.layer.1.output.dense.weight, bert.encoder.layer.1.output.dense.bias"),
            std::string::npos)
      << message();
  write_weights(all);
  json wider = small_config();
  wider["intermediate_size"] = 21;
  write_config(wider);
  EXPECT_NE(message().find("[20, 24], but config.json and the recipe's labels need [21, 24]"), std::string::npos)
      << message();
  write_config(small_config());
  ModelOptions options;
  options.num_labels = 3;
  EXPECT_NE(message(options).find("its head does not fit: it has 2 classes, but the task has 3"), std::string::npos)
      << message(options);
}

TEST_F(BertModel, WhatConfigJsonMayNotSay) {
  make();
  const std::pair<json, const char*> faults[] = {
      {{{"model_type", "t5"}}, "known families: bert"},
      {{{"model_type", nullptr}}, "has no model_type"},
      {{{"hidden_act", "mish"}}, "hidden_act 'mish' is not supported; use one of"},
      {{{"position_embedding_type", "relative_key"}}, "position_embedding_type 'relative_key'"},
      {{{"is_decoder", true}}, "is_decoder is true"},
      {{{"num_attention_heads", 5}}, "hidden_size 24 is not a multiple of num_attention_heads 5"},
      {{{"hidden_size", -24}}, "hidden_size must be"},
      {{{"vocab_size", "many"}}, "vocab_size must be"},
      {{{"num_hidden_layers", 99999999999}}, "num_hidden_layers must be"},
      {{{"hidden_dropout_prob", 1.5}}, "hidden_dropout_prob must be"},
      {{{"layer_norm_eps", "1e-12"}}, "layer_norm_eps must be"},
      {{{"filigree", {{"heads", {{0, 1}}}}}}, "filigree.heads must list 2 layers"},
      {{{"filigree", {{"heads", {{0, 3}, {0}}}}}}, "filigree.heads[0] must be"},
      {{{"filigree", {{"neurons", {{4, 2}, 3}}}}}, "filigree.neurons[0] must be ascending"},
      {{{"filigree", {{"neurons", {{0}, {1}}}, {"ffn_width", 3}}}},
       "filigree.ffn_width must be a whole number from 20"},
      {{{"filigree", {{"neurons", {{0}, {1}}}, {"ffn_width", 1e99}}}}, "filigree.ffn_width must be a whole number"},
      {{{"filigree", {{"ffn_width", 30}}}}, "filigree.ffn_width needs filigree.neurons"},
  };
  for (const auto& [change, wanted] : faults) {
    json config = small_config();
    config.update(change);
    write_config(config);
    EXPECT_NE(message().find(wanted), std::string::npos) << change.dump() << "\n" << message();
    EXPECT_NE(message().find("config.json"), std::string::npos);
  }
  std::ofstream(dir_ / "config.json") << "{";
  EXPECT_NE(message().find("config.json:1: the JSON text ends"), std::string::npos);
  fs::remove(dir_ / "config.json");
  EXPECT_NE(message().find("there is no such file"), std::string::npos);
}

TEST_F(BertModel, AShrunkModelIsExportedAndReadInItsSmallShape) {
  const auto model = make();
  const double before = model->flops(10);
  const std::vector<int64_t> heads{0, 2}, neurons{1, 4, 5, 19};
  for (nn::StructureGroup& group : model->structures()) {
    if (group.layer == 1) continue;
    group.kept = group.kind == nn::StructureKind::head ? heads : neurons;
    std::vector<int64_t> rows;
    for (int64_t unit : group.kept) {
      for (int64_t i = 0; i < group.unit; ++i) rows.push_back(unit * group.unit + i);
    }
    for (nn::StructureMember& member : group.members) member.linear->shrink(member.dim, at::tensor(rows, at::kLong));
  }
  write_config(checkpoint::export_config(*model, checkpoint::ExportFormat::filigree));
  write_weights(checkpoint::merged_state(*model, *dist::make_single()));
  const auto small = load_model(dir_.string(), {});
  EXPECT_TRUE(at::equal(logits(*small), logits(*model)));
  EXPECT_EQ(small->structures()[0].kept, heads);
  EXPECT_EQ(small->structures()[1].kept, neurons);
  EXPECT_EQ(small->structures()[2].left(), 3);
  EXPECT_EQ(small->parameters().at("bert.encoder.layer.0.intermediate.dense.weight").value().sizes(),
            (std::vector<int64_t>{4, 24}));
  EXPECT_FALSE(small->config().contains("filigree"));
  // One head of three: a third of layer 0's attention; 16 of 20 neurons.
  const double attention = 2 * (10 * 4 * 24 * 24 + 2 * 10 * 10 * 24), ffn = 2 * (10 * 2 * 20 * 24);
  EXPECT_DOUBLE_EQ(before - small->flops(10), attention / 3 + ffn * 0.8);
}

/// Where transformers reads the width, config.json has the smaller one.
TEST_F(BertModel, AnExportForTransformersHasTheWidthBeforeThePrune) {
  const auto model = make();
  const double before = model->flops(10);
  for (nn::StructureGroup& group : model->structures()) {
    if (group.kind != nn::StructureKind::neuron) continue;
    group.kept = group.layer == 0 ? std::vector<int64_t>{1, 4, 19} : std::vector<int64_t>{0, 2, 7};
    for (nn::StructureMember& member : group.members)
      member.linear->shrink(member.dim, at::tensor(group.kept, at::kLong));
  }
  const json config = checkpoint::export_config(*model, checkpoint::ExportFormat::hf_pruned);
  EXPECT_EQ(config["intermediate_size"], 3);
  write_config(config);
  write_weights(checkpoint::merged_state(*model, *dist::make_single()));
  const auto small = load_model(dir_.string(), {});
  EXPECT_TRUE(at::equal(logits(*small), logits(*model)));
  for (const size_t group : {1U, 3U}) {
    EXPECT_EQ(small->structures()[group].total, 20);
    EXPECT_EQ(small->structures()[group].kept, model->structures()[group].kept);
  }
  EXPECT_DOUBLE_EQ(prune::unpruned_flops(*small, 10), before);
  EXPECT_EQ(small->config()["intermediate_size"], 20);
}

TEST_F(BertModel, DropoutDependsOnTheSampleNotOnTheSplit) {
  json config = small_config();
  config["hidden_dropout_prob"] = config["attention_probs_dropout_prob"] = 0.4;
  const auto model = make(config);
  nn::ForwardContext context;
  context.training = true;
  context.seed = 3;
  context.step = 8;
  const at::Tensor whole = model->forward(batch_of({4, 9, 2}, {5, 11, 3}), context).logits;
  const at::Tensor part = model->forward(batch_of({2, 4}, {3, 5}), context).logits;
  EXPECT_TRUE(at::allclose(whole[0], part[1], 1e-6, 1e-7));
  EXPECT_TRUE(at::allclose(whole[2], part[0], 1e-6, 1e-7));
  context.step = 9;
  EXPECT_FALSE(at::allclose(whole, model->forward(batch_of({4, 9, 2}, {5, 11, 3}), context).logits, 1e-3));
  const at::Tensor sure = model->forward(batch_of({4}, {5}), {}).logits;
  EXPECT_TRUE(at::equal(sure, model->forward(batch_of({4}, {5}), {}).logits));
}

TEST_F(BertModel, AnEmptyShareOfABatchGivesZeroLossAndGradients) {
  const auto model = make();
  for (const auto& parameter : model->parameters()) model->parameters().set_role(*parameter, nn::Role::trainable);
  data::Batch empty = batch_of({}, {});
  nn::ForwardContext context;
  context.training = true;
  const nn::Output out = model->forward(empty, context);
  EXPECT_EQ(out.count, 0);
  EXPECT_EQ(out.loss_sum.item<double>(), 0);
  out.loss_sum.backward();
  for (const auto& parameter : model->parameters()) {
    ASSERT_TRUE(parameter->value().grad().defined()) << parameter->name << " is waited for by its bucket";
    EXPECT_EQ(at::max(at::abs(parameter->value().grad())).item<double>(), 0) << parameter->name;
  }
}

TEST_F(BertModel, Bf16IsCloseToFp32) {
  const auto model = make();
  const at::Tensor exact = logits(*model);
  model->parameters().set_frozen_dtype(at::kBFloat16);
  nn::ForwardContext context;
  context.compute = at::kBFloat16;
  const nn::Output out = model->forward(batch_of({4, 9}, {5, 11}), context);
  EXPECT_EQ(out.logits.scalar_type(), at::kFloat);
  EXPECT_LT(at::max(at::abs(at::sub(out.logits, exact))).item<double>(), 0.01);
  EXPECT_EQ(out.count, 2);
}

TEST_F(BertModel, ShardPlanAndLinearsCoverTheModel) {
  const auto model = make();
  EXPECT_EQ(model->linears().size(), 2 * 6 + 2U);
  EXPECT_FALSE(model->shard_plan().empty());
  std::set<std::string> names;
  for (const nn::Linear* linear : model->linears()) names.insert(linear->name() + ".weight");
  for (const std::string& name : names) EXPECT_NE(model->parameters().find(name), nullptr) << name;
}

}  // namespace
}  // namespace filigree::models
