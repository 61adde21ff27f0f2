// Heads and labels: order and names of the classes, heads that do not fit, what is new or not used, and keys of
// config.json that would change the model in silence.
#include <ATen/ops/equal.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/export/export.h"
#include "core/nn/labels.h"
#include "core/safetensors/safetensors.h"
#include "dist/factory.h"
#include "models/registry.h"

namespace filigree::models {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using Names = std::vector<std::string>;

json config_of(const std::string& family) {
  if (family == "gpt2")
    return {{"model_type", "gpt2"}, {"vocab_size", 50}, {"n_embd", 24},      {"n_layer", 2},
            {"n_head", 3},          {"n_inner", 20},    {"n_positions", 16}, {"eos_token_id", 3}};
  return {{"model_type", family},         {"vocab_size", 50},         {"hidden_size", 24},
          {"num_hidden_layers", 2},       {"num_attention_heads", 3}, {"intermediate_size", 20},
          {"max_position_embeddings", 16}};
}

/// A model of random weights in a folder of its own.
class Heads : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    std::string name = testing::UnitTest::GetInstance()->current_test_info()->name();
    std::replace(name.begin(), name.end(), '/', '_');
    dir_ = fs::path(FILIGREE_BINARY_DIR) / "head_test" / name;
    fs::remove_all(dir_);
    fs::create_directories(dir_);
    config_ = config_of(GetParam());
  }

  void write_config(const json& config) const { std::ofstream(dir_ / "config.json") << config.dump(); }
  std::unique_ptr<nn::Model> make(const Names& labels, Task task = Task::sequence_classification) {
    write_config(config_);
    ModelOptions options = asking(labels, task);
    options.pretrained = false;
    options.seed = 4;
    auto model = load_model(dir_.string(), options);
    checkpoint::write_safetensors((dir_ / "model.safetensors").string(),
                                  model->to_files(checkpoint::merged_state(*model, *dist::make_single())));
    config_ = model->config();
    write_config(config_);
    return model;
  }

  static ModelOptions asking(const Names& labels, Task task = Task::sequence_classification) {
    ModelOptions options;
    options.task = task;
    options.label_names = labels;
    options.num_labels = static_cast<int64_t>(labels.size());
    return options;
  }
  std::string refusal(const ModelOptions& options) const {
    try {
      load_model(dir_.string(), options);
    } catch (const DataError& error) {
      return error.what();
    }
    return "(no error)";
  }
  static at::Tensor logits(nn::Model& model) {
    data::Batch batch;
    batch.ids = at::tensor({4, 9, 2, 30, 11, 8, 7}, at::kLong);
    batch.positions = at::tensor({0, 1, 2, 3, 0, 1, 2}, at::kLong);
    batch.type_ids = at::tensor(std::vector<int64_t>(7, 0), at::kLong);
    batch.offsets = {0, 4, 7};
    batch.samples = {0, 1};
    return model.forward(batch, {}).logits;
  }

  fs::path dir_;
  json config_;
};

TEST_P(Heads, ClassesAreMatchedByName) {
  const auto trained = make({"bad", "fair", "good"});
  LoadReport report;
  auto options = asking({"good", "bad", "fair"});
  const auto other = load_model(dir_.string(), options, &report);
  const at::Tensor order = at::tensor({2, 0, 1}, at::kLong);
  EXPECT_TRUE(at::equal(logits(*other), logits(*trained).index_select(1, order)));
  EXPECT_EQ(other->config()["id2label"], json({{"0", "good"}, {"1", "bad"}, {"2", "fair"}}));
  EXPECT_EQ(other->config()["label2id"], json({{"good", 0}, {"bad", 1}, {"fair", 2}}));
  EXPECT_TRUE(report.newly_initialized.empty());
  ASSERT_EQ(report.notes.size(), 1U);
  EXPECT_NE(report.notes[0].find("order of the task's labels"), std::string::npos) << report.notes[0];

  // The same for a model that is evaluated.
  const auto evaluated = load_model(dir_.string(), {});
  nn::reorder_logits(*evaluated, *nn::match_labels({"bad", "fair", "good"}, {"good", "bad", "fair"}));
  EXPECT_TRUE(at::equal(logits(*evaluated), logits(*other)));
}

TEST_P(Heads, UnnamedClassesKeepTheirPlaces) {
  const auto trained = make({});  // LABEL_0, LABEL_1
  const auto other = load_model(dir_.string(), asking({"good", "bad"}));
  EXPECT_TRUE(at::equal(logits(*other), logits(*trained)));
  EXPECT_EQ(other->config()["id2label"]["1"], "bad");
  config_.erase("id2label");
  write_config(config_);
  EXPECT_TRUE(at::equal(logits(*load_model(dir_.string(), asking({"good", "bad"}))), logits(*trained)));
}

TEST_P(Heads, OtherNamesGetANewHeadOrAreRefused) {
  const auto trained = make({"bad", "good"});
  auto options = asking({"entailment", "contradiction"});
  EXPECT_NE(refusal(options).find("its labels are bad, good, but the task's are entailment, contradiction"),
            std::string::npos)
      << refusal(options);
  options.reset_head = ResetHead::automatic;
  LoadReport report;
  const auto fresh = load_model(dir_.string(), options, &report);
  EXPECT_EQ(report.newly_initialized, fresh->head_parameters());
  EXPECT_TRUE(report.unused.empty());
  ASSERT_EQ(report.notes.size(), 1U);
  EXPECT_NE(report.notes[0].find("a new head replaces"), std::string::npos);
  EXPECT_EQ(fresh->config()["id2label"], json({{"0", "entailment"}, {"1", "contradiction"}}));
  EXPECT_FALSE(at::equal(logits(*fresh), logits(*trained)));
}

TEST_P(Heads, AnotherNumberOfClassesGetsANewHeadOrIsRefused) {
  make({"entailment", "neutral", "contradiction"});
  auto options = asking({"no", "yes"});
  EXPECT_NE(refusal(options).find("it has 3 classes, but the task has 2"), std::string::npos) << refusal(options);
  EXPECT_NE(refusal(options).find("model.reset_head: auto"), std::string::npos);
  options.reset_head = ResetHead::automatic;
  LoadReport report;
  const auto fresh = load_model(dir_.string(), options, &report);
  EXPECT_EQ(report.newly_initialized, fresh->head_parameters());
  EXPECT_EQ(logits(*fresh).size(1), 2);
  EXPECT_EQ(fresh->config()["id2label"].size(), 2U);

  auto scores = asking({}, Task::regression);
  scores.num_labels = 1;
  scores.reset_head = ResetHead::automatic;
  EXPECT_EQ(logits(*load_model(dir_.string(), scores)).size(1), 1);
}

TEST_P(Heads, AlwaysResetsAHeadThatFits) {
  const auto trained = make({"bad", "good"});
  auto options = asking({"bad", "good"});
  options.reset_head = ResetHead::automatic;
  LoadReport kept, replaced;
  EXPECT_TRUE(at::equal(logits(*load_model(dir_.string(), options, &kept)), logits(*trained)));
  EXPECT_TRUE(kept.newly_initialized.empty() && kept.notes.empty());
  options.reset_head = ResetHead::always;
  options.seed = 5;
  EXPECT_FALSE(at::equal(logits(*load_model(dir_.string(), options, &replaced)), logits(*trained)));
  EXPECT_FALSE(replaced.newly_initialized.empty());
}

TEST_P(Heads, HeadsOfOtherKindsDoNotFit) {
  make({"bad", "good"});
  const json good = config_;
  for (const auto& [change, says] : std::vector<std::pair<json, std::string>>{
           {{{"problem_type", "multi_label_classification"}}, "problem_type is multi_label_classification"},
           {{{"architectures", {"BertForTokenClassification"}}}, "it belongs to a BertForTokenClassification"},
           {{{"architectures", {"BertForMultipleChoice"}}}, "it belongs to a BertForMultipleChoice"}}) {
    json config = good;
    config.update(change);
    write_config(config);
    EXPECT_NE(refusal({}).find(says), std::string::npos) << refusal({});
    auto options = asking({"bad", "good"});
    options.reset_head = ResetHead::automatic;
    LoadReport report;
    load_model(dir_.string(), options, &report);
    EXPECT_FALSE(report.newly_initialized.empty());
  }
}

TEST_P(Heads, NamesMayBeNumbersAndNothingElse) {
  make({"a", "b"});
  const auto with_names = [&](const json& names) {
    config_["id2label"] = names;
    write_config(config_);
  };
  with_names({{"0", 5}, {"1", 1.5}});
  EXPECT_EQ(load_model(dir_.string(), {})->config()["id2label"], json({{"0", "5"}, {"1", "1.5"}}));
  with_names({{"1", true}, {"0", "b"}});
  EXPECT_EQ(load_model(dir_.string(), {})->config()["id2label"], json({{"0", "b"}, {"1", "True"}}));
  for (const auto& [names, says] : std::vector<std::pair<json, std::string>>{
           {{"a", "b"}, "id2label must be an object that maps class numbers to names, not [\"a\",\"b\"]"},
           {"x", "id2label must be an object"},
           {{{"0", nullptr}, {"1", "b"}}, "id2label: the name of class 0 must be text or a number, not null"},
           {{{"0", {1}}, {"1", "b"}}, "id2label: the name of class 0 must be text or a number, not [1]"},
           {{{"0", {{"x", 1}}}, {"1", "b"}}, "must be text or a number"},
           {{{"a", "b"}}, "id2label: the key 'a' is not the number of a class"},
           {{{"1", "a"}, {"2", "b"}}, "has the key '2'"},
           {{{"0", "a"}, {"00", "b"}}, "id2label has no name for class 1"},
           {{{"-1", "a"}, {"0", "b"}}, "has the key '-1'"}}) {
    with_names(names);
    EXPECT_NE(refusal({}).find(says), std::string::npos) << names.dump() << "\n" << refusal({});
    EXPECT_NE(refusal({}).find("config.json"), std::string::npos);
  }
}

TEST_P(Heads, OneClassWithoutAProblemTypeIsARegression) {
  make({}, Task::regression);
  EXPECT_EQ(stored_task(dir_.string()), Task::regression);
  config_["problem_type"] = "single_label_classification";  // transformers refuses it, too
  write_config(config_);
  EXPECT_THROW(stored_task(dir_.string()), DataError);
}

TEST_P(Heads, KeysThatWouldChangeTheModelInSilence) {
  make({"a", "b"});
  for (const auto& [change, says] : std::vector<std::pair<json, std::string>>{
           {{{"add_cross_attention", true}}, "add_cross_attention is true"},
           {{{"is_encoder_decoder", true}}, "is_encoder_decoder is true"},
           {{{"per_layer_config", {{"0", {{"x", 1}}}}}}, "per_layer_config is"},
           {{{"per_layer_config", {{"0", {{"n_head", 1}}}}}}, "per_layer_config is"},
           {{{"per_layer_config", {{"0", {{"x", 1}}}}}, {"filigree", json::object()}}, "per_layer_config is"},
           {{{"pruned_heads", {{"0", {1}}}}}, "pruned_heads is"}}) {
    json config = config_;
    config.update(change);
    write_config(config);
    EXPECT_NE(refusal({}).find(says), std::string::npos) << refusal({});
  }
}

TEST_P(Heads, AbsurdSizesAreRefusedBeforeMemoryIsTaken) {
  make({"a", "b"});
  const bool gpt2 = std::string(GetParam()) == "gpt2";
  const std::string layers = gpt2 ? "n_layer" : "num_hidden_layers", inner = gpt2 ? "n_inner" : "intermediate_size",
                    hidden = gpt2 ? "n_embd" : "hidden_size", heads = gpt2 ? "n_head" : "num_attention_heads";
  ModelOptions shapes;
  shapes.shapes_only = true;
  for (const auto& [change, options, says] : std::vector<std::tuple<json, ModelOptions, std::string>>{
           {{{layers, 1000000}}, {}, layers + " must be a whole number from 1 to 1024, not 1000000"},
           {{{layers, 1000000}}, shapes, layers + " must be a whole number from 1 to 1024, not 1000000"},
           {{{layers, 3}}, {}, layers + " is 3, but " + (dir_ / "model.safetensors").string() + " holds 2 layers"},
           {{{layers, 1000}, {inner, 1 << 24}}, shapes, "is more than the supported maximum of 16777216"},
           {{{layers, 1000}, {hidden, 1 << 24}, {heads, 1 << 24}},
            shapes,
            "is more than the supported maximum of 16777216"},
           {{{"vocab_size", 18446744073709551615U}}, {}, "vocab_size must be a whole number from 1 to 16777216"},
           {{{hidden, 24.5}}, {}, hidden + " must be a whole number"}}) {
    json config = config_;
    config.update(change);
    write_config(config);
    EXPECT_NE(refusal(options).find(says), std::string::npos) << change.dump() << "\n" << refusal(options);
  }
  json wide = config_;
  wide["vocab_size"] = 1 << 24;
  wide[hidden] = 1 << 20;
  wide[heads] = 1;
  write_config(wide);
  ModelOptions random;
  random.pretrained = false;
  EXPECT_NE(refusal(random).find("of memory"), std::string::npos) << refusal(random);
}

TEST_P(Heads, NumbersThatOnlyPythonWrites) {
  make({"a", "b"});
  const auto with_text = [&](const std::string& entry) {
    std::string text = config_.dump();
    text.insert(1, entry + ", ");
    std::ofstream(dir_ / "config.json") << text;
  };
  with_text(R"("task_specific_params": {"x": NaN, "y": [-Infinity, Infinity], "say \"NaN\"": "NaN, \\"})");
  EXPECT_EQ(refusal({}), "(no error)");
  with_text(R"("initializer_range": NaN)");
  EXPECT_NE(refusal({}).find("initializer_range must be a number from 0 to 10, not \"NaN\""), std::string::npos)
      << refusal({});
  with_text(R"("initializer_range": Nan)");
  EXPECT_NE(refusal({}).find("config.json:1: is not valid JSON"), std::string::npos) << refusal({});
}

TEST_P(Heads, FindingsAreShort) {
  LoadReport report;
  for (int i = 0; i < 30; ++i) report.unused.push_back("tensor." + std::to_string(i));
  report.newly_initialized = {"classifier.weight", "classifier.bias"};
  const auto lines = nn::describe(report, "DIR");
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0],
            "DIR: newly initialized, because they are not in the weights: 2 parameters (classifier.weight, "
            "classifier.bias)");
  EXPECT_EQ(
      lines[1],
      "DIR: not used by this model: 30 tensors of the weights (tensor.0, tensor.1, tensor.2, tensor.3 and 26 more)");
  EXPECT_TRUE(nn::describe({}, "DIR").empty());
}

INSTANTIATE_TEST_SUITE_P(Families, Heads, testing::Values("bert", "roberta", "gpt2"),
                         [](const auto& family) { return std::string(family.param); });

/// GPT-2's end of a text: a new head takes the end-of-text token for padding, and says so in its configuration.
class Gpt2Heads : public Heads {};

TEST_P(Gpt2Heads, ANewHeadSaysItsPadding) {
  const auto made = make({"a", "b"});
  EXPECT_EQ(made->config()["pad_token_id"], 3);
  config_.erase("pad_token_id");
  write_config(config_);
  EXPECT_FALSE(load_model(dir_.string(), {})->config().contains("pad_token_id")) << "the head was trained without one";
  auto options = asking({"x", "y"});
  options.reset_head = ResetHead::automatic;
  EXPECT_EQ(load_model(dir_.string(), options)->config()["pad_token_id"], 3);
}

TEST_P(Gpt2Heads, OnlyATokenOfTheVocabularyIsPadding) {
  const nlohmann::json none, absent(nlohmann::json::value_t::discarded);
  for (const auto& [end, pad] : std::vector<std::pair<nlohmann::json, nlohmann::json>>{
           {{5, 3}, 5}, {50256, none}, {-1, none}, {none, none}, {absent, none}}) {
    config_.erase("pad_token_id");
    config_["eos_token_id"] = end;
    if (end.is_discarded()) config_.erase("eos_token_id");
    write_config(config_);
    const auto config = make({"a", "b"})->config();
    EXPECT_EQ(config.value("pad_token_id", none), pad) << end;
  }
}

INSTANTIATE_TEST_SUITE_P(Families, Gpt2Heads, testing::Values("gpt2"),
                         [](const auto& family) { return std::string(family.param); });

}  // namespace
}  // namespace filigree::models
