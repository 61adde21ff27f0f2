// The methods pst, smp and sift: first values, what trains, and how many numbers that is in BERT-base.
//
// labels: unit
#include "core/adapt/methods/masks/pst.h"

#include <ATen/ops/cat.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "core/adapt/method.h"
#include "core/adapt/methods/masks/smp.h"
#include "core/adapt/methods/sift.h"
#include "dist/factory.h"
#include "models/registry.h"
#include "tests/support/compare.h"
#include "tests/support/toy_model.h"

namespace filigree::adapt {
namespace {

using nn::Role;
using test::largest_entry;
using test::ToyModel;

constexpr test::ToySizes kSizes{.layers = 2, .heads = 4, .head_size = 16, .ffn = 96};
constexpr int64_t kLinears = 12;

template <class Options>
void attach(nn::Model& model, const std::string& name, const Options& options) {
  const auto ranks = dist::make_single();
  builtin_methods()
      .make({name, std::make_shared<Options>(options)})
      ->attach(model, {.seed = 42, .ranks = *ranks, .tp = *ranks});
}

/// The parameters with this suffix, one per linear of the encoder.
std::vector<at::Tensor> values_of(nn::Model& model, const std::string& suffix) {
  std::vector<at::Tensor> all;
  for (const nn::Linear* linear : model.encoder_linears())
    all.push_back(model.parameters().at(linear->name() + suffix).value().detach());
  EXPECT_EQ(static_cast<int64_t>(all.size()), kLinears);
  return all;
}

at::Tensor joined(const std::vector<at::Tensor>& tensors) {
  std::vector<at::Tensor> flat;
  for (const at::Tensor& tensor : tensors) flat.push_back(tensor.flatten().to(at::kDouble));
  return at::cat(flat);
}

void expect_zero(nn::Model& model, const std::vector<std::string>& suffixes) {
  for (const std::string& suffix : suffixes) EXPECT_EQ(largest_entry(joined(values_of(model, suffix))), 0) << suffix;
}

/// U, A ~ N(0, 1); V = B = 0; R = C = 0.
TEST(Pst, StartsAsTheReleasedCode) {
  ToyModel model(kSizes), plain(kSizes);
  attach(model, "pst", PstOptions{});
  for (const std::string suffix : {".lora_U", ".score_A"}) {
    const at::Tensor all = joined(values_of(model, suffix));
    const double n = static_cast<double>(all.numel());  // 6912: five standard deviations of the estimates
    EXPECT_NEAR(all.mean().item<double>(), 0, 5 / std::sqrt(n)) << suffix;
    EXPECT_NEAR(all.std().item<double>(), 1, 5 / std::sqrt(2 * n)) << suffix;
    EXPECT_NEAR(all.abs().lt(1).to(at::kDouble).mean().item<double>(), 0.6827, 5 * std::sqrt(0.25 / n)) << "a normal";
  }
  expect_zero(model, {".lora_V", ".score_B", ".score_R", ".score_C"});
  const std::vector<at::Tensor> u = values_of(model, ".lora_U"), a = values_of(model, ".score_A");
  EXPECT_FALSE(u[0].equal(a[0])) << "two streams";
  EXPECT_FALSE(u[0].equal(u[6])) << "of each linear";
  EXPECT_EQ(u[0].sizes().vec(), (std::vector<int64_t>{64, 8}));
  for (const nn::Linear* linear : model.encoder_linears())
    EXPECT_TRUE(linear->merged_weight().equal(plain.linear(linear->name()).weight()->value())) << linear->name();
}

/// U = A = 0; V and B uniform in +-1 / sqrt(in), as torch's kaiming_uniform_ with a = sqrt(5).
TEST(Pst, StartsAsLoraByOption) {
  ToyModel model(kSizes), plain(kSizes);
  PstOptions options;
  options.init = PstInit::lora;
  attach(model, "pst", options);
  expect_zero(model, {".lora_U", ".score_A", ".score_R", ".score_C"});
  for (const std::string suffix : {".lora_V", ".score_B"}) {
    std::vector<at::Tensor> scaled;
    for (const at::Tensor& right : values_of(model, suffix))
      scaled.push_back(right.mul(std::sqrt(static_cast<double>(right.size(1)))));
    const at::Tensor all = joined(scaled);
    EXPECT_LE(largest_entry(all), 1 + 1e-6) << suffix;
    EXPECT_GT(largest_entry(all), 0.99) << suffix;
    EXPECT_NEAR(all.std().item<double>(), 1 / std::sqrt(3.0), 0.02) << suffix;
    EXPECT_NEAR(all.mean().item<double>(), 0, 0.04) << suffix;
  }
  EXPECT_FALSE(values_of(model, ".lora_V")[0].equal(values_of(model, ".score_B")[0]));
  for (const nn::Linear* linear : model.encoder_linears())
    EXPECT_TRUE(linear->merged_weight().equal(plain.linear(linear->name()).weight()->value())) << linear->name();
}

struct HeadCase {
  std::string method;
  std::function<void(nn::Model&, bool)> attach_with;  ///< train_head
  std::vector<std::string> suffixes;                  ///< of what trains in each target
  std::vector<std::string> targets;                   ///< last words; empty: all linears of the encoder
};

template <class Options>
HeadCase head_case(const std::string& name, const std::vector<std::string>& suffixes,
                   const std::vector<std::string>& targets = {}) {
  const auto attach_with = [name](nn::Model& model, bool head) {
    Options options;
    options.train_head = head;
    attach(model, name, options);
  };
  return {name, attach_with, suffixes, targets};
}

/// Exactly the added parameters of the targets train, and the head by option; nothing else.
TEST(TrainHead, DecidesTheRolesOfPstSmpAndSift) {
  const std::vector<HeadCase> cases = {
      head_case<PstOptions>("pst", {".lora_U", ".lora_V", ".score_A", ".score_B", ".score_R", ".score_C"}),
      head_case<SmpOptions>("smp", {".score"}),
      head_case<SiftOptions>("sift", {".sparse_values"}, {".query", ".key", ".value"})};
  for (const HeadCase& one : cases) {
    for (const bool head : {true, false}) {
      ToyModel model(kSizes);
      one.attach_with(model, head);
      std::set<std::string> wanted, found;
      if (head) wanted = {"classifier.weight", "classifier.bias"};
      for (const nn::Linear* linear : model.encoder_linears()) {
        const auto ends = [&](const std::string& target) { return linear->name().ends_with(target); };
        if (!one.targets.empty() && std::ranges::none_of(one.targets, ends)) continue;
        for (const std::string& suffix : one.suffixes) wanted.insert(linear->name() + suffix);
      }
      for (const nn::ParameterPtr& parameter : model.parameters().with_role(Role::trainable)) {
        found.insert(parameter->name);
        EXPECT_TRUE(parameter->value().requires_grad()) << parameter->name;
      }
      EXPECT_EQ(found, wanted) << one.method << (head ? " with" : " without") << " the head";
      for (const nn::ParameterPtr& parameter : model.parameters().with_role(Role::frozen))
        EXPECT_FALSE(parameter->value().requires_grad()) << parameter->name;
    }
  }
}

/// int(rate * entries) + 1, as published.
TEST(Sift, UpdatesOneEntryMoreThanItsShare) {
  ToyModel model(kSizes);
  attach(model, "sift", SiftOptions{});
  for (const std::string target : {"query", "key", "value"}) {
    const std::string linear = "bert.encoder.layer.1.attention.self." + target;
    EXPECT_EQ(model.parameters().at(linear + ".sparse_values").logical_numel(), 33);  // 0.008 * 64 * 64 = 32.77
    EXPECT_EQ(model.linear(linear).adapter()->low_rank_form()->sparse_scale, 1.0);
  }
  EXPECT_EQ(model.linear(0, ToyModel::attention_out).adapter(), nullptr);
}

/// BERT-base without memory: config.json alone.
std::unique_ptr<nn::Model> bert_base() {
  const std::string dir = std::string(FILIGREE_BINARY_DIR) + "/pst_test/bert-base";
  std::filesystem::create_directories(dir);
  const nlohmann::json config = {
      {"model_type", "bert"},           {"vocab_size", 30522},       {"hidden_size", 768},
      {"num_hidden_layers", 12},        {"num_attention_heads", 12}, {"intermediate_size", 3072},
      {"hidden_act", "gelu"},           {"initializer_range", 0.02}, {"type_vocab_size", 2},
      {"max_position_embeddings", 512}, {"layer_norm_eps", 1e-12},   {"hidden_dropout_prob", 0.1}};
  std::ofstream(dir + "/config.json") << config.dump(1);
  models::ModelOptions options;
  options.num_labels = 2;
  options.shapes_only = true;
  return models::load_model(dir, options);
}

/// Rank 8 and score rank 8: (8 + 8 + 1) (in + out) per matrix.
TEST(Pst, BertBaseHas2820096Parameters) {
  const auto model = bert_base();
  PstOptions options;
  options.train_head = false;
  attach(*model, "pst", options);
  int64_t matrices = 0, all = 0;
  for (const nn::Linear* linear : model->encoder_linears()) {
    int64_t trained = 0;
    for (const nn::ParameterPtr& parameter : linear->added_parameters())
      if (parameter->trainable()) trained += parameter->logical_numel();
    EXPECT_EQ(trained, 17 * (linear->in_features() + linear->out_features())) << linear->name();
    ++matrices;
  }
  for (const nn::ParameterPtr& parameter : model->parameters().with_role(Role::trainable))
    all += parameter->logical_numel();
  EXPECT_EQ(matrices, 72);
  EXPECT_EQ(all, 2820096);
}

}  // namespace
}  // namespace filigree::adapt
