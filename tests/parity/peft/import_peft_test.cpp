// Adapters that peft wrote (import_reference.py), and those that filigree exports, as the start of a run: the model's
// logits are those of peft's, whatever the method's own rank, scale and positions, whole and cut.
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/export/peft/export_peft.h"
#include "core/export/peft/import_peft.h"
#include "core/nn/adapter.h"
#include "core/parallel/parallelize.h"
#include "tests/parity/peft/import_support.h"
#include "tests/support/compare.h"

namespace filigree::test {
namespace {

namespace fs = std::filesystem;

struct Case {
  const char* name;
  Task task;
  std::vector<std::string> targets;
  std::vector<const char*> methods = {"lora", "dsee"};
};

void PrintTo(const Case& given, std::ostream* out) { *out << given.name; }

data::Batch packed(const checkpoint::SafetensorsReader& live) {
  data::Batch batch;
  batch.ids = live.read("ids");
  batch.type_ids = at::zeros_like(batch.ids);
  const at::Tensor offsets = live.read("offsets");
  std::vector<at::Tensor> positions;
  for (int64_t i = 0; i < offsets.numel(); ++i) batch.offsets.push_back(offsets[i].item<int64_t>());
  for (size_t i = 0; i + 1 < batch.offsets.size(); ++i) {
    positions.push_back(at::arange(batch.offsets[i + 1] - batch.offsets[i], at::kLong));
    batch.samples.push_back(static_cast<int64_t>(i));
  }
  batch.positions = at::cat(positions);
  return batch;
}

class ImportPeft : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    dir_ = kReference / GetParam().name;
    if (!fs::exists(dir_ / "live.safetensors"))
      GTEST_SKIP() << dir_ << " is missing: the fixture peft_import_reference makes it (needs peft)";
  }
  fs::path dir_;
};

TEST_P(ImportPeft, GivesPeftsLogits) {
  const auto live = checkpoint::SafetensorsReader::open((dir_ / "live.safetensors").string());
  for (const char* method : GetParam().methods) {
    const auto model = load(dir_ / "base", GetParam().task);
    attach(*model, GetParam().targets, method);
    const at::NoGradGuard no_grad;
    const at::Tensor before = model->forward(packed(live), {}).logits;
    EXPECT_GT(max_difference(before, live.read("logits")), 1e-2) << "the LoRA changes nothing: a test that cannot fail";
    checkpoint::continue_from(*model, checkpoint::read_peft((dir_ / "lora").string()));
    const at::Tensor after = model->forward(packed(live), {}).logits;
    EXPECT_LE(max_difference(after, live.read("logits")), 1e-5 * std::max(1.0, largest_entry(after))) << method;
  }
}

TEST_P(ImportPeft, EachRankTakesItsPart) {
  const auto lora = checkpoint::read_peft((dir_ / "lora").string());
  const auto whole = load(dir_ / "base", GetParam().task);
  attach(*whole, GetParam().targets, GetParam().methods.front(), 9, /*resume=*/true);
  checkpoint::continue_from(*whole, lora);
  for (int64_t rank = 0; rank < 2; ++rank) {
    const auto part =
        load(dir_ / "base", GetParam().task, [&](nn::Model& model) { train::shard_model(model, rank, 2); });
    attach(*part, GetParam().targets, GetParam().methods.front(), 9, /*resume=*/true);
    checkpoint::continue_from(*part, lora);
    for (const auto& parameter : part->parameters()) {
      if (!parameter->trainable() && parameter->role != nn::Role::buffer) continue;
      const at::Tensor expected =
          nn::local_shard(whole->parameters().at(parameter->name).value().detach(), parameter->placement);
      EXPECT_TRUE(parameter->value().equal(expected)) << parameter->name;
    }
  }
}

const std::vector<std::string> kAttention = {"query", "key", "value"};
INSTANTIATE_TEST_SUITE_P(
    Cases, ImportPeft,
    testing::Values(Case{"bert", Task::sequence_classification, kAttention},
                    Case{"patterns", Task::sequence_classification, {"query", "value", "intermediate.dense"}},
                    Case{"pattern_order", Task::sequence_classification, {"query", "value"}},
                    Case{"excluded", Task::sequence_classification, kAttention},
                    Case{"excluded_by_expression", Task::sequence_classification, kAttention},
                    Case{"layers", Task::sequence_classification, kAttention},
                    Case{"layers_of_a_word", Task::sequence_classification, kAttention},
                    Case{"bare", Task::sequence_classification, {"query", "output.dense"}},
                    Case{"supra", Task::sequence_classification, kAttention, {"dsee"}},
                    Case{"super", Task::sequence_classification, {"query", "intermediate.dense"}, {"dsee"}},
                    Case{"supra_bare", Task::sequence_classification, {"query", "output.dense"}, {"dsee"}},
                    Case{"gpt2", Task::causal_lm, {"query", "key", "value", "mlp.c_fc"}},
                    Case{"gpt2_classes", Task::sequence_classification, kAttention}),
    [](const auto& test) { return std::string(test.param.name); });

/// What filigree wrote as a LoRA (S2 as further columns, query and value of GPT-2 in one c_attn) comes back.
TEST(ImportOwnExport, GivesTheLogitsAgain) {
  const fs::path dir = kReference / "own";
  for (const char* family : {"bert", "gpt2"}) {
    fs::remove_all(dir);
    const auto model = random_model(family, dir / "config", Task::sequence_classification, 5);
    checkpoint::export_model(*model,
                             export_request(dir / "base", export_cases().front(), checkpoint::ExportFormat::hf));
    add_updates(*model);
    checkpoint::export_peft(*model, (dir / "lora").string(), (dir / "base").string(),
                            reload_base(Task::sequence_classification));
    const auto again = load(dir / "base", Task::sequence_classification);
    attach(*again, {"query", "value"}, "lora", 50);
    checkpoint::continue_from(*again, checkpoint::read_peft((dir / "lora").string()));
    EXPECT_LE(checkpoint::largest_difference(*again, *model, checkpoint::probe_batch(*model)), 1e-5) << family;
  }
}

/// The files of a masked language model have no pooler: the adapter has the one that the run drew, with the head.
TEST(ImportOwnExport, ABaseWithoutAPooler) {
  const fs::path dir = kReference / "pooler";
  fs::remove_all(dir);
  const auto base = random_model("bert", dir / "config", Task::masked_lm, 0);
  ExportCase of;
  of.task = Task::masked_lm;
  checkpoint::export_model(*base, export_request(dir / "base", of, checkpoint::ExportFormat::hf));
  const auto load_classifier = [&](const std::string& from, nn::LoadReport& report, uint64_t seed) {
    models::ModelOptions options;
    options.num_labels = 3;
    options.seed = seed;
    return models::load_model(from, options, &report);
  };
  nn::LoadReport report;
  const auto trained = load_classifier((dir / "base").string(), report, 7);
  add_updates(*trained);
  checkpoint::export_peft(
      *trained, (dir / "lora").string(), (dir / "base").string(),
      [&](const std::string& from, nn::LoadReport& found) { return load_classifier(from, found, 8); });
  const auto config = nlohmann::json::parse(std::ifstream(dir / "lora" / "adapter_config.json"));
  EXPECT_EQ(config.at("modules_to_save"), (nlohmann::json{"bert.pooler.dense", "classifier"}));
  const auto lora = checkpoint::read_peft((dir / "lora").string());
  const auto same_seed = load_classifier((dir / "base").string(), report, 7),
             other = load_classifier((dir / "base").string(), report, 8);
  for (nn::Model* model : {same_seed.get(), other.get()}) attach(*model, {"query", "value"}, "lora", 50);
  const data::Batch probe = checkpoint::probe_batch(*trained);
  checkpoint::continue_from(*same_seed, lora);
  EXPECT_LE(max_difference(same_seed->forward(probe, {}).logits, trained->forward(probe, {}).logits), 1e-5);
  EXPECT_THROW(checkpoint::continue_from(*other, lora), DataError)
      << "the run would draw another pooler when it resumes";
}

/// A LoRA has its head in the order of the base's classes, whatever the order of the task's labels.
TEST(ImportOwnExport, ClassesInAnotherOrderThanTheTasks) {
  const fs::path dir = kReference / "order";
  fs::remove_all(dir);
  const auto base = random_model("bert", dir / "config", Task::sequence_classification, 3);  // noun.0 to noun.2
  checkpoint::export_model(*base, export_request(dir / "base", export_cases().front(), checkpoint::ExportFormat::hf));
  const auto load_ordered = [&](const std::string& from) {
    models::ModelOptions options;
    options.label_names = {"noun.2", "noun.0", "noun.1"};
    options.num_labels = 3;
    return models::load_model(from, options);
  };
  const auto trained = load_ordered((dir / "base").string());
  add_updates(*trained);
  trained->parameters().at("classifier.weight").value().detach().copy_(drawn("head", {3, 36}, 0.3));
  checkpoint::export_peft(*trained, (dir / "lora").string(), (dir / "base").string(),
                          [&](const std::string& from, nn::LoadReport&) { return load_ordered(from); });

  const data::Batch probe = checkpoint::probe_batch(*trained);
  const auto lora = checkpoint::read_peft((dir / "lora").string());
  const at::NoGradGuard no_grad;
  const at::Tensor expected = trained->forward(probe, {}).logits;
  const auto in_base_order = load(dir / "base", Task::sequence_classification);
  EXPECT_TRUE(checkpoint::base_classes(*in_base_order, (dir / "base").string()).empty());
  checkpoint::merge(*in_base_order, lora);
  EXPECT_LE(max_difference(in_base_order->forward(probe, {}).logits,
                           expected.index_select(1, at::tensor({1, 2, 0}, at::kLong))),
            1e-5);
  const auto in_task_order = load_ordered((dir / "base").string());
  attach(*in_task_order, {"query", "value"}, "lora", 50);
  checkpoint::continue_from(*in_task_order, lora, checkpoint::base_classes(*in_task_order, (dir / "base").string()));
  EXPECT_LE(max_difference(in_task_order->forward(probe, {}).logits, expected), 1e-5);
}

/// A LoRA of a small BERT, spoilt in one place each.
class ImportRefusals : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(dir_);
    model_ = random_bert(dir_ / "config", Task::sequence_classification, 5);
    checkpoint::export_model(*model_,
                             export_request(dir_ / "base", export_cases().front(), checkpoint::ExportFormat::hf));
    add_updates(*model_);
    checkpoint::export_peft(*model_, lora(), (dir_ / "base").string(), reload_base(Task::sequence_classification));
  }
  void TearDown() override { fs::remove_all(dir_); }

  std::string lora() const { return (dir_ / "lora").string(); }
  void set(const std::string& key, const nlohmann::json& value) {
    const fs::path file = dir_ / "lora" / "adapter_config.json";
    auto config = nlohmann::json::parse(std::ifstream(file));
    config[key] = value;
    std::ofstream(file) << config;
  }
  template <class Error>
  void expect(const std::string& says, const std::vector<std::string>& targets = {"query", "value"},
              int64_t rank = 40) {
    const auto model = load(dir_ / "base", Task::sequence_classification);
    attach(*model, targets, "lora", rank);
    try {
      checkpoint::continue_from(*model, checkpoint::read_peft(lora()));
      ADD_FAILURE() << "nothing was refused: " << says;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(says), std::string::npos) << error.what();
    }
  }

  fs::path dir_ = kReference / "refused";
  std::unique_ptr<nn::Model> model_;
};

TEST_F(ImportRefusals, WhatTheMethodCannotTake) {
  expect<UsageError>("for which the first method has no low-rank update; add it to the method's targets", {"query"});
  expect<UsageError>(
      "has rank 21 on 'bert.encoder.layer.0.attention.self.query', but the method only 4; set its rank to 21 or more",
      {"query", "value"}, 4);
}

/// Without values, as `filigree check` does.
TEST_F(ImportRefusals, OnAModelOfShapes) {
  models::ModelOptions options;
  options.shapes_only = true;
  options.num_labels = 5;
  const auto check = [&](const std::vector<std::string>& targets, int64_t rank, int64_t labels = 5,
                         checkpoint::Classes classes = checkpoint::Classes::known) {
    options.num_labels = labels;
    const auto model = models::load_model((dir_ / "base").string(), options);
    if (!targets.empty()) attach(*model, targets, "lora", rank, /*resume=*/true);
    checkpoint::check_start(*model, checkpoint::read_peft(lora()), classes);
  };
  const auto refused = [&](const std::vector<std::string>& targets, int64_t rank) -> std::string {
    try {
      check(targets, rank);
    } catch (const UsageError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_NO_THROW(check({"query", "value"}, 40));
  EXPECT_NE(refused({"query", "value"}, 4).find("but the method only 4; set its rank to 21 or more"),
            std::string::npos);
  EXPECT_NE(refused({"query"}, 40).find("no low-rank update; add it to the method's targets"), std::string::npos);
  EXPECT_NE(refused({}, 0).find("no low-rank update; start with dsee, lora or pst, with a rank of 21 or more"),
            std::string::npos);
  EXPECT_THROW(check({"query", "value"}, 40, 4), DataError) << "the head has five classes";
  EXPECT_NO_THROW(check({"query", "value"}, 40, 4, checkpoint::Classes::unknown));
}

/// A refusal comes before the first change.
TEST_F(ImportRefusals, LeavesTheUpdatesAsTheyWere) {
  const auto model = load(dir_ / "base", Task::sequence_classification);
  attach(*model, {"query"}, "lora", 40);
  EXPECT_THROW(checkpoint::continue_from(*model, checkpoint::read_peft(lora())), UsageError);
  for (const nn::Linear* linear : model->linears())
    if (linear->adapter()) {
      EXPECT_EQ(linear->adapter()->low_rank_form()->u->value().count_nonzero().item<int64_t>(), 0) << linear->name();
    }
}

TEST_F(ImportRefusals, WhatIsNoPlainLora) {
  for (const auto& [key, value, says] : std::vector<std::tuple<std::string, nlohmann::json, std::string>>{
           {"use_dora", true, "use_dora is set"},
           {"bias", "all", "bias is 'all'"},
           {"init_lora_weights", "pissa_niter_4", "init_lora_weights is \"pissa_niter_4\", which is not known"},
           {"init_lora_weights", "mystery", "init_lora_weights is \"mystery\", which is not known"},
           {"init_lora_weights", "mica", "init_lora_weights is \"mica\""},
           {"layer_replication", {{0, 1}}, "layer_replication is set"},
           {"alora_invocation_tokens", {5, 6}, "alora_invocation_tokens is set"},
           {"trainable_token_indices", {5, 6}, "trainable_token_indices is set"},
           {"target_parameters", {"x.weight"}, "target_parameters is set"},
           {"lora_bias", true, "lora_bias is set"},
           {"use_qalora", true, "use_qalora is set"},
           {"use_bdlora", {{"nblocks", 2}}, "use_bdlora is set"},
           {"megatron_config", {{"x", 1}}, "megatron_config is set"},
           {"a_key_of_tomorrow", 3, "a_key_of_tomorrow is set, which is not a plain LoRA"},
           {"peft_type", "IA3", "peft_type is 'IA3', but model.init_lora requires LORA or SUPERTUNING"}}) {
    const auto before = nlohmann::json::parse(std::ifstream(dir_ / "lora" / "adapter_config.json"));
    set(key, value);
    expect<UsageError>(says);
    set(key, nullptr);
    if (key != "peft_type") {
      EXPECT_NO_THROW(checkpoint::read_peft(lora())) << key << " null asks for nothing";
    }
    std::ofstream(dir_ / "lora" / "adapter_config.json") << before;
  }
}

TEST_F(ImportRefusals, RanksThatAreNotThoseOfTheConfiguration) {
  set("r", 7);
  set("rank_pattern", nlohmann::json::object());
  expect<DataError>("query' has rank 21, but adapter_config.json (r, rank_pattern) has 7");
  set("rank_pattern", {{"query", "many"}});
  expect<DataError>("rank_pattern has \"many\" for 'query', which is not a number");
  set("rank_pattern", {{"query", -1}});
  expect<DataError>("is -1, which is not a whole number from 1");
  set("rank_pattern", {{"que(ry", 3}});
  expect<DataError>("rank_pattern has 'que(ry', which filigree cannot parse as a regular expression");
  set("rank_pattern", {1, 2});
  expect<DataError>("rank_pattern is not an object");
}

TEST_F(ImportRefusals, FilesOfAnotherModelOrBroken) {
  set("r", 2);
  set("rank_pattern", nlohmann::json::object());
  set("target_modules", {"query", "x"});
  const std::string file = lora() + "/adapter_model.safetensors";
  const std::string query = "base_model.model.bert.encoder.layer.0.attention.self.query.lora_";
  const auto write = [&](const checkpoint::NamedTensors& tensors) { checkpoint::write_safetensors(file, tensors); };
  write({{query + "A.weight", drawn("a", {2, 35}, 1)}, {query + "B.weight", drawn("b", {36, 2}, 1)}});
  expect<DataError>("is 36 x 35, the model's weight 36 x 36");
  write({{query + "A.weight", drawn("a", {2, 36}, 1)}, {query + "B.weight", drawn("b", {36, 3}, 1)}});
  expect<DataError>("they have no product");
  write({{query + "A.weight", drawn("a", {2, 36}, 1)}});
  expect<DataError>("query' has no lora_B");
  write({{"base_model.model.bert.encoder.layer.7.x.lora_A.weight", drawn("a", {2, 36}, 1)},
         {"base_model.model.bert.encoder.layer.7.x.lora_B.weight", drawn("b", {36, 2}, 1)}});
  expect<DataError>("changes 'bert.encoder.layer.7.x', which this bert model does not have");
  write({{query + "A.weight", drawn("a", {2, 36}, 1)},
         {query + "B.weight", drawn("b", {36, 2}, 1)},
         {"base_model.model.classifier.weight", drawn("c", {4, 36}, 1)}});
  expect<DataError>("'classifier.weight' is [4, 36], but the model's is [5, 36]: it was trained for other labels");
  write({{"query.lora_A.weight", drawn("a", {2, 36}, 1)}});
  expect<DataError>("does not start with 'base_model.model.'");
  write({{"base_model.model.bert.x.lora_embedding_A", drawn("a", {2, 36}, 1)}});
  expect<UsageError>("is not part of a plain LoRA of linears");
  fs::remove(file);
  expect<DataError>("adapter_model.safetensors: is missing");
  std::ofstream(lora() + "/adapter_model.bin") << "x";
  expect<DataError>("is a pickle");
  set("lora_alpha", "much");
  checkpoint::write_safetensors(
      file, {{query + "A.weight", drawn("a", {2, 36}, 1)}, {query + "B.weight", drawn("b", {36, 2}, 1)}});
  expect<DataError>("lora_alpha is \"much\", which has the wrong type");
  fs::remove(lora() + "/adapter_config.json");
  expect<DataError>("adapter_config.json: is missing; set model.init_lora to a directory");
  std::ofstream(lora() + "/adapter_config.json") << "{\"r\": ";
  expect<DataError>("adapter_config.json:1: the JSON text ends in the middle of a value");
  std::ofstream(lora() + "/adapter_config.json") << "[]";
  expect<DataError>("adapter_config.json: is not a JSON object");
}

}  // namespace
}  // namespace filigree::test
