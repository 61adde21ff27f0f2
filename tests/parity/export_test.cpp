// Exports read back by filigree give the live model's logits; export_check.py does the same with transformers on what
// this test leaves in the build folder (reference/export/<case>/{base,hf,live.safetensors}).
#include <ATen/ops/full.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "core/export/export_pruned.h"
#include "core/export/peft/export_peft.h"
#include "core/files/read.h"
#include "core/prune/inspect.h"
#include "tests/parity/export_cases.h"

namespace filigree::test {
namespace {

namespace fs = std::filesystem;
using checkpoint::ExportFormat;
using nlohmann::json;

json config_of(const fs::path& dir) { return json::parse(std::ifstream(dir / "config.json")); }

bool is_small(nn::Model& model, nn::StructureKind kind) {
  for (const auto& group : model.structures()) {
    if (group.kind == kind && group.left() != group.total) return true;
  }
  return false;
}

/// per_layer_config has what the stock class, which reads one value for all layers, would build otherwise.
void expect_layers(nn::Model& model, const json& config) {
  json expected = json::object();
  for (const auto& group : model.structures()) {
    const bool head = group.kind == nn::StructureKind::head;
    const json common = head ? json(group.total) : config[model.ffn_width_key()];
    if (group.left() == (common.is_null() ? group.total : common.get<int64_t>())) continue;
    expected[std::to_string(group.layer)][head ? model.heads_key() : model.ffn_width_key()] = group.left();
  }
  EXPECT_EQ(config.value("per_layer_config", json::object()), expected);
}

void expect_pruned(nn::Model& model, const ExportCase& given, const fs::path& dir) {
  const auto result = checkpoint::export_model(model, export_request(dir, given, ExportFormat::hf_pruned));
  EXPECT_LE(result.largest_difference, 1e-5);
  EXPECT_FALSE(result.zero_filled);
  const bool heads = is_small(model, nn::StructureKind::head),
             any = heads || is_small(model, nn::StructureKind::neuron);
  EXPECT_EQ(config_of(dir).contains("pruned_heads"), heads);
  EXPECT_EQ(config_of(dir).contains("auto_map"), any);
  expect_layers(model, config_of(dir));
  EXPECT_EQ(fs::exists(dir / checkpoint::kModelingFile), any);
  const auto again = reread(dir.string(), given.task);
  EXPECT_DOUBLE_EQ(again->flops(64), model.flops(64));
  EXPECT_DOUBLE_EQ(prune::unpruned_flops(*again, 64), prune::unpruned_flops(model, 64));
  for (const auto kind : {nn::StructureKind::head, nn::StructureKind::neuron})
    EXPECT_EQ(prune::units_left(*again, kind), prune::units_left(model, kind));
  for (size_t g = 0; g < again->structures().size(); ++g)
    EXPECT_EQ(again->structures()[g].total, model.structures()[g].total);
  for (const auto format : {ExportFormat::hf, ExportFormat::filigree})
    EXPECT_FALSE(checkpoint::export_config(*again, format).contains("per_layer_config"));
}

class ExportParity : public testing::TestWithParam<ExportCase> {};

TEST_P(ExportParity, BothFormatsGiveTheLiveLogits) {
  const ExportCase& given = GetParam();
  const fs::path dir = kOut / given.name;
  fs::remove_all(dir);
  const auto model =
      random_model(given.family, dir / "base", given.task, given.task == Task::regression ? 1 : 5, given.more);
  given.change(*model);

  const auto hf = checkpoint::export_model(*model, export_request(dir / "hf", given, ExportFormat::hf));
  EXPECT_LE(hf.largest_difference, 1e-5);
  EXPECT_EQ(hf.zero_filled, given.zero_filled);
  EXPECT_EQ(config_of(dir / "hf")[model->ffn_width_key()], given.width);
  EXPECT_FALSE(config_of(dir / "hf").contains("filigree"));
  EXPECT_EQ(fs::exists(dir / "hf" / "model.safetensors.index.json"), given.shard_bytes > 0);
  EXPECT_EQ(fs::exists(dir / "hf" / "model.safetensors"), given.shard_bytes == 0);

  const auto small = checkpoint::export_model(*model, export_request(dir / "filigree", given, ExportFormat::filigree));
  EXPECT_LE(small.largest_difference, 1e-5);
  EXPECT_FALSE(small.zero_filled);
  const auto again = reread((dir / "filigree").string(), given.task);
  ASSERT_EQ(again->structures().size(), model->structures().size());
  for (size_t g = 0; g < again->structures().size(); ++g) {
    EXPECT_EQ(again->structures()[g].kept, model->structures()[g].kept);
    EXPECT_EQ(again->structures()[g].total, model->structures()[g].total);
  }
  EXPECT_DOUBLE_EQ(again->flops(64), model->flops(64));
  EXPECT_DOUBLE_EQ(prune::unpruned_flops(*again, 64), prune::unpruned_flops(*model, 64));

  expect_pruned(*model, given, dir / "hf_pruned");
  write_live(*model, dir / "live.safetensors");
}

std::string name_of(const testing::TestParamInfo<ExportCase>& test) { return test.param.name; }
INSTANTIATE_TEST_SUITE_P(Cases, ExportParity, testing::ValuesIn(export_cases()), name_of);

TEST(PeftExportTest, HoldsTheUpdatesAndTheHead) {
  const fs::path dir = kOut / "peft";
  fs::remove_all(dir);
  const auto model = random_bert(dir / "config", Task::sequence_classification, 5);
  checkpoint::export_model(*model, export_request(dir / "base", export_cases().front(), ExportFormat::hf));
  add_mixed_updates(*model);
  model->parameters().set_role(model->parameters().at("classifier.weight"), nn::Role::trainable);
  model->parameters().at("classifier.weight").value().detach().copy_(drawn("head", {5, 36}, 0.3));
  checkpoint::export_peft(*model, (dir / "peft").string(), (dir / "base").string(),
                          reload_base(Task::sequence_classification));
  write_live(*model, dir / "live.safetensors");
  const json config = json::parse(std::ifstream(dir / "peft" / "adapter_config.json"));
  EXPECT_EQ(config["target_modules"].size(), 12U);
  EXPECT_EQ(config["modules_to_save"], json({"classifier"}));
  const std::string layer = "bert.encoder.layer.1.";
  const auto rank = [&](const std::string& name) {
    return config["rank_pattern"].value(name, config["r"].get<int64_t>());
  };
  EXPECT_EQ(rank(layer + "attention.self.query"), 3 + 18);
  EXPECT_EQ(rank(layer + "attention.self.key"), 2);
  EXPECT_EQ(rank(layer + "intermediate.dense"), 3) << "four entries on three columns";
}

/// Query, value and FFN of a GPT-2: a fused module and plain ones, all stored as [in, out].
TEST(PeftExportTest, JoinsTheUpdatesOfAFusedModule) {
  for (const Task task : {Task::sequence_classification, Task::causal_lm}) {
    const fs::path dir = kOut / fmt::format("peft_gpt2_{}", enum_name(task));
    fs::remove_all(dir);
    const auto model = random_model("gpt2", dir / "config", task, 5);
    ExportCase of = export_cases().front();
    of.task = task;
    checkpoint::export_model(*model, export_request(dir / "base", of, ExportFormat::hf));
    add_updates(*model);
    for (nn::Linear* linear : prune::select_linears(*model, {"mlp.c_proj"})) add_update(*model, *linear);
    checkpoint::export_peft(*model, (dir / "peft").string(), (dir / "base").string(), reload_base(task));
    write_live(*model, dir / "live.safetensors");
    const json config = json::parse(std::ifstream(dir / "peft" / "adapter_config.json"));
    EXPECT_EQ(config["target_modules"].size(), 6U);
    EXPECT_TRUE(config["fan_in_fan_out"]);
    EXPECT_EQ(config["r"], 2 * (3 + 18)) << "query's and value's";
  }
}

TEST(PeftExportTest, WhatReadsBackDifferentlyIsNotLeft) {
  const fs::path dir = kOut / "other_base";
  fs::remove_all(dir);
  const auto model = random_bert(dir / "config", Task::sequence_classification, 5);
  checkpoint::export_model(*model, export_request(dir / "base", export_cases().front(), ExportFormat::hf));
  add_updates(*model);
  const auto other = [](const std::string& written, nn::LoadReport&) {
    auto base = reread(written, Task::sequence_classification);
    base->parameters().at("bert.pooler.dense.bias").value().add_(1e-2);
    return base;
  };
  EXPECT_THROW(checkpoint::export_peft(*model, (dir / "peft").string(), (dir / "base").string(), other), InternalError);
  EXPECT_FALSE(fs::exists(dir / "peft"));
}

TEST(PeftExportTest, RefusesWhatAnAdapterCannotHold) {
  const fs::path dir = kOut / "refused";
  fs::remove_all(dir);
  const auto refuses = [&](const std::function<void(nn::Model&)>& change, const std::string& reason) {
    const auto model = random_bert(dir / "config", Task::sequence_classification, 5);
    change(*model);
    try {
      checkpoint::export_peft(*model, (dir / "peft").string(), (dir / "base").string(),
                              reload_base(Task::sequence_classification));
      ADD_FAILURE() << reason;
    } catch (const UsageError& error) {
      EXPECT_NE(std::string(error.what()).find(reason), std::string::npos) << error.what();
    }
    EXPECT_FALSE(fs::exists(dir / "peft"));
  };
  refuses([](nn::Model&) {}, "no update");
  refuses([](nn::Model& model) { add_updates(model), prune_units(model, 0.34, 0, false); },
          "heads of layer 0 were pruned");
  refuses(
      [](nn::Model& model) {
        add_updates(model);
        prune_entries(model, {"key"});
      },
      "has a mask");
  refuses(
      [](nn::Model& model) {
        add_updates(model);
        model.parameters().set_role(model.parameters().at("bert.pooler.dense.bias"), nn::Role::trainable);
      },
      "'bert.pooler.dense.bias' was also trained");
}

/// A directory of its own, gone at the end.
class ExportTest : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = fs::temp_directory_path() / fmt::format("filigree-export-{}", ::getpid());
    fs::create_directories(dir_);
    model_ = random_bert(dir_ / "base", Task::sequence_classification, 5);
  }
  void TearDown() override { fs::remove_all(dir_); }

  checkpoint::ExportRequest request(const std::string& name) const {
    return export_request(dir_ / name, export_cases().front(), ExportFormat::hf);
  }
  /// Everything beside the base, temporary folders included.
  std::vector<std::string> left() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(dir_)) {
      if (entry.path().filename() != "base") names.push_back(entry.path().filename());
    }
    return names;
  }

  fs::path dir_;
  std::unique_ptr<nn::Model> model_;
};

TEST_F(ExportTest, ConfigSaysTaskLabelsAndType) {
  checkpoint::export_model(*model_, request("out"));
  const json config = config_of(dir_ / "out");
  EXPECT_EQ(config["architectures"], json({"BertForSequenceClassification"}));
  EXPECT_EQ(config["problem_type"], "single_label_classification");
  EXPECT_EQ(config["id2label"]["3"], "noun.3");
  EXPECT_EQ(config["label2id"]["noun.3"], 3);
  EXPECT_EQ(config["dtype"], "float32");
  EXPECT_EQ(left(), (std::vector<std::string>{"out"}));
}

TEST_F(ExportTest, KeysThatAreTrueOfTheBaseAloneAreLeftOut) {
  for (const Task task : {Task::sequence_classification, Task::masked_lm}) {
    const auto model = random_model("bert", dir_ / "other", task, 5, base_only_keys());
    for (const auto format : {ExportFormat::hf, ExportFormat::hf_pruned, ExportFormat::filigree}) {
      const json config = checkpoint::export_config(*model, format);
      for (const char* key : {"quantization_config", "auto_map", "torch_dtype", "_name_or_path", "transformers_version",
                              "_attn_implementation_autoset", "custom_pipelines", "num_labels"})
        EXPECT_FALSE(config.contains(key)) << key;
      EXPECT_EQ(config["dtype"], "float32");
      EXPECT_EQ(config["architectures"], json({model->architecture()}));
      const bool classes = task == Task::sequence_classification;
      EXPECT_EQ(config.value("problem_type", ""), classes ? "single_label_classification" : "");
      EXPECT_EQ(config.contains("id2label"), classes);
      EXPECT_EQ(config.contains("label2id"), classes);
    }
  }
}

TEST_F(ExportTest, TokenizerFilesAreCopiedAsTheyAre) {
  const std::string text = "[PAD]\r\n[UNK]\n\xC3\xA9\n";
  std::ofstream(dir_ / "base" / "vocab.txt") << text;
  std::ofstream(dir_ / "base" / "unrelated.txt") << "no";
  auto wanted = request("out");
  wanted.base_dir = (dir_ / "base").string();
  checkpoint::export_model(*model_, wanted);
  std::ifstream in(dir_ / "out" / "vocab.txt", std::ios::binary);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), text);
  EXPECT_FALSE(fs::exists(dir_ / "out" / "unrelated.txt"));
}

std::string refusal(const std::string& dir, Task task) {
  try {
    checkpoint::check_files_to_copy(dir, task);
  } catch (const DataError& error) {
    return error.what();
  }
  return "";
}

TEST_F(ExportTest, WhatIsNotAFileIsRefusedBeforeTheTraining) {
  const std::string base = (dir_ / "base").string();
  const auto spoilt = [&](const std::string& name, Task task = Task::sequence_classification) {
    const std::string found = refusal(base, task);
    fs::remove_all(dir_ / "base" / name);
    return found.starts_with(base + "/" + name + ": ") ? found.substr(base.size() + name.size() + 3) : found;
  };
  fs::create_directories(base);
  EXPECT_EQ(refusal(base, Task::causal_lm), "");
  for (const std::string name : {"chat_template.json", "merges.txt", "special_tokens_map.json"}) {
    fs::create_symlink(name == "merges.txt" ? "nowhere" : name, dir_ / "base" / name);  // or in a circle
    EXPECT_TRUE(spoilt(name, Task::causal_lm).starts_with("is a link to a file that does not exist")) << name;
  }
  for (const std::string name : {"chat_template.jinja", "generation_config.json", "added_tokens.json"}) {
    fs::create_directory(dir_ / "base" / name);
    EXPECT_TRUE(spoilt(name, Task::causal_lm).starts_with("is a directory; an export copies")) << name;
    ASSERT_EQ(mkfifo((dir_ / "base" / name).c_str(), 0600), 0);
    EXPECT_TRUE(spoilt(name, Task::causal_lm).starts_with("is a pipe, a socket or a device; a regular file")) << name;
  }
  fs::create_directories(dir_ / "base" / "additional_chat_templates" / "tools.jinja");
  EXPECT_TRUE(spoilt("additional_chat_templates/tools.jinja").starts_with("is a directory"));
  fs::remove_all(dir_ / "base" / "additional_chat_templates");
  std::ofstream(dir_ / "base" / "additional_chat_templates") << "x";
  EXPECT_TRUE(spoilt("additional_chat_templates").starts_with("is not a directory"));
  fs::create_directory(dir_ / "base" / "generation_config.json");  // not copied for a task that is not generation
  EXPECT_EQ(spoilt("generation_config.json"), "");
}

TEST_F(ExportTest, ChatTemplatesAreCopiedAndTheGenerationConfigOfALanguageModel) {
  const auto write = [&](const std::string& name) { std::ofstream(dir_ / "base" / name) << name; };
  fs::create_directories(dir_ / "base" / "additional_chat_templates");
  const std::vector<std::string> templates{"chat_template.jinja", "additional_chat_templates/tools.jinja"};
  for (const std::string& name : templates) write(name);
  write("generation_config.json");
  write("additional_chat_templates/notes.txt");
  fs::create_symlink("chat_template.json", dir_ / "base" / "chat_template.json");  // in a circle: absent
  for (const auto format : {ExportFormat::hf, ExportFormat::hf_pruned, ExportFormat::filigree}) {
    for (const auto& [family, task] :
         {std::pair<std::string, Task>{"bert", Task::sequence_classification}, {"gpt2", Task::causal_lm}}) {
      const auto model = random_model(family, dir_ / "other", task, 5);
      checkpoint::ExportRequest wanted;
      wanted.dir = (dir_ / "out").string();
      wanted.format = format;
      wanted.base_dir = (dir_ / "base").string();
      checkpoint::export_model(*model, wanted);
      for (const std::string& name : templates) EXPECT_EQ(files::read_file((dir_ / "out" / name).string()), name);
      EXPECT_EQ(fs::exists(dir_ / "out" / "generation_config.json"), task == Task::causal_lm);
      EXPECT_FALSE(fs::exists(dir_ / "out" / "additional_chat_templates" / "notes.txt"));
      EXPECT_FALSE(fs::exists(dir_ / "out" / "chat_template.json"));
      fs::remove_all(dir_ / "out");
    }
  }
}

TEST_F(ExportTest, OverwritesNothing) {
  fs::create_directories(dir_ / "out");
  checkpoint::export_model(*model_, request("out/"));  // empty: fine, and "out/" is "out"
  EXPECT_THROW(checkpoint::export_model(*model_, request("out")), UsageError);
  std::ofstream(dir_ / "file") << "text";
  EXPECT_THROW(checkpoint::export_model(*model_, request("file")), UsageError);
  auto own = request("out");
  own.existing = files::StagedDirectory::Existing::replace;
  EXPECT_FALSE(checkpoint::export_model(*model_, own).kept);
  std::ofstream(dir_ / "out" / "added") << "text";
  const auto kept = checkpoint::export_model(*model_, own).kept;
  EXPECT_FALSE(fs::exists(dir_ / "out" / "added"));
  EXPECT_TRUE(kept && fs::exists(fs::path(*kept) / "added")) << "a file that was added to an export is lost";
}

TEST_F(ExportTest, TheToleranceFollowsTheSizeOfTheLogits) {
  const auto logits = [](double value) { return at::full({2, 2}, value, at::kDouble); };
  EXPECT_GT(checkpoint::compare_logits(logits(3e4), logits(3e4 + 0.004)), 0.003);  // rounding of fp32 at this size
  EXPECT_THROW(checkpoint::compare_logits(logits(3e4), logits(3e4 + 10)), InternalError);
  EXPECT_THROW(checkpoint::compare_logits(logits(1), logits(1.004)), InternalError);
  EXPECT_THROW(checkpoint::compare_logits(logits(std::numeric_limits<double>::infinity()), logits(1)), DataError);
}

TEST_F(ExportTest, WhatReadsBackDifferentlyIsNotLeft) {
  auto wanted = request("out");
  wanted.reload = [](const std::string& written) {
    auto model = reread(written, Task::sequence_classification);
    model->parameters().at("classifier.bias").value().add_(1e-3);
    return model;
  };
  EXPECT_THROW(checkpoint::export_model(*model_, wanted), InternalError);
  EXPECT_TRUE(left().empty()) << left().front();
}

TEST_F(ExportTest, AnUnwritablePlaceIsADataError) {
  std::ofstream(dir_ / "file") << "text";
  EXPECT_THROW(checkpoint::export_model(*model_, request("file/out")), UserError);
}

}  // namespace
}  // namespace filigree::test
