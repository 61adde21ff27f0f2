// Super-Tuning adapters that filigree writes: their files, and what they cannot hold. export_check.py compares the logits
// with those of peft on what this test leaves in the build folder.
#include <gtest/gtest.h>

#include <map>

#include "core/export/peft/export_peft.h"
#include "core/export/peft/export_supertuning.h"
#include "core/export/peft/peft_lora.h"
#include "tests/parity/export_cases.h"
#include "tests/support/compare.h"

namespace filigree::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

void add_sparse(nn::Model& model, const std::string& target, const std::vector<int64_t>& rows,
                const std::vector<int64_t>& cols) {
  for (nn::Linear* linear : prune::select_linears(model, {target})) {
    const adapt::SparseEntries entries =
        adapt::add_entries(model.parameters(), linear->name(), linear->out_features(), linear->in_features(),
                           at::tensor(rows, at::kLong), at::tensor(cols, at::kLong));
    entries.values->value().detach().copy_(drawn(linear->name() + "S", {std::ssize(rows)}, 0.5));
    linear->set_adapter(std::make_shared<adapt::LowRankSparse>(std::nullopt, entries, 3.0, 3.0));
  }
}

struct Written {
  json config;
  std::map<std::string, at::Tensor> tensors;  ///< by the end of their names, of layer 1

  at::Tensor of(const std::string& module, const std::string& kind) const {
    return tensors.at("base_model.model.bert.encoder.layer.1." + module + ".supertuning_" + kind);
  }
};

/// Exports a BERT with such a change and keeps the case for export_check.py.
Written export_case(const std::string& name, const std::function<void(nn::Model&)>& change) {
  const fs::path dir = kOut / name;
  fs::remove_all(dir);
  const auto model = random_bert(dir / "config", Task::sequence_classification, 5);
  checkpoint::export_model(*model, export_request(dir / "base", export_cases().front(), checkpoint::ExportFormat::hf));
  change(*model);
  model->parameters().set_role(model->parameters().at("classifier.weight"), nn::Role::trainable);
  model->parameters().at("classifier.weight").value().detach().copy_(drawn("head", {5, 36}, 0.3));
  EXPECT_LE(checkpoint::export_supertuning(*model, (dir / "peft").string(), (dir / "base").string(),
                                           reload_base(Task::sequence_classification)),
            1e-5);
  write_live(*model, dir / "live.safetensors");
  Written written{json::parse(std::ifstream(dir / "peft" / "adapter_config.json")), {}};
  const auto reader = checkpoint::SafetensorsReader::open((dir / "peft" / "adapter_model.safetensors").string());
  for (const std::string& tensor : reader.names()) written.tensors[tensor] = reader.read(tensor);
  return written;
}

TEST(SupertuningExport, HasTheUpdatesAsTheyAre) {
  const Written written = export_case("supertuning", add_updates);  // rank 3, scale 2, S2 of 18 entries scaled by 0.5
  EXPECT_EQ(written.config["peft_type"], "SUPERTUNING");
  EXPECT_EQ(written.config["target_modules"].size(), 6U);
  EXPECT_EQ(written.config["modules_to_save"], json({"classifier"}));
  EXPECT_EQ(written.config["r"], 3);
  EXPECT_EQ(written.config["lora_alpha"], 6.0);
  const std::string linear = "bert.encoder.layer.1.attention.self.query", query = "attention.self.query";
  EXPECT_TRUE(written.of(query, "lora_A.weight").equal(drawn(linear + "V", {3, 36}, 0.2)));
  EXPECT_TRUE(written.of(query, "lora_B.weight").equal(drawn(linear + "U", {36, 3}, 0.2)));
  EXPECT_TRUE(written.of(query, "values").equal(drawn(linear + "S", {18}, 0.2).mul(0.5)));
  EXPECT_EQ(written.of(query, "indices").scalar_type(), at::kInt);
  for (int64_t i = 0; i < 18; ++i)
    EXPECT_EQ(written.of(query, "indices")[i].item<int>(), 2 * i * 36 + (2 * i * 7 + 3) % 36);
}

/// Parts that are absent, other ranks, scales and shapes: all is filled up with zeros to what peft has of each module.
TEST(SupertuningExport, FillsUpWhatDiffers) {
  const Written written = export_case("supertuning_mixed", add_mixed_updates);
  EXPECT_EQ(written.config["target_modules"].size(), 12U);
  EXPECT_EQ(written.config["r"], 3);
  EXPECT_EQ(written.config["lora_alpha"], 3.0) << "the scales differ, so B has them";
  const at::Tensor key = written.of("attention.self.key", "lora_B.weight");
  EXPECT_TRUE(key.narrow(1, 0, 2).equal(drawn("bert.encoder.layer.1.attention.self.keyU", {36, 2}, 0.2).mul(0.5)));
  EXPECT_EQ(largest_entry(key.narrow(1, 2, 1)), 0.0);
  EXPECT_EQ(written.of("attention.self.key", "values").numel(), 18);
  EXPECT_EQ(largest_entry(written.of("attention.self.key", "values")), 0.0);
  const double sparsity = written.config["sparsity"];
  EXPECT_EQ(checkpoint::entries_at(sparsity, 36 * 36), 18);
  EXPECT_EQ(written.of("intermediate.dense", "values").numel(), checkpoint::entries_at(sparsity, 50 * 36));
  EXPECT_EQ(written.of("intermediate.dense", "values").count_nonzero().item<int64_t>(), 4);
  EXPECT_EQ(largest_entry(written.of("intermediate.dense", "lora_B.weight")), 0.0);
  for (const auto& [name, tensor] : written.tensors) {
    if (!name.ends_with("indices")) continue;
    EXPECT_GT(std::get<0>(tensor.sort()).diff().min().item<int>(), 0) << name << ": distinct";
  }
}

TEST(SupertuningExport, HasNoRankWithoutALowRankPart) {
  const Written written = export_case("supertuning_sparse", [](nn::Model& model) {
    add_sparse(model, "value", {0, 3, 35}, {35, 0, 35});
    add_sparse(model, "output.dense", {7}, {2});
  });
  EXPECT_TRUE(written.config["r"].is_null());
  EXPECT_TRUE(written.config["lora_alpha"].is_null());
  EXPECT_EQ(written.tensors.size(), 2U * 3 * 3 + 2) << "values and indices of value and two output.dense, and the head";
}

/// N entries in each weight, whatever the rounding of 1 - sparsity.
TEST(SupertuningExport, TheSparsityHasRoomForTheEntriesOfEachWeight) {
  for (const int64_t numel : {1, 2, 7, 1296, 147456, 589824, 2359296, 16777216, 2147483647}) {
    for (const int64_t n : {1, 2, 3, 64, 1000, 147455, 1048577, 2147483647}) {
      if (n > numel) continue;
      const double sparsity = checkpoint::common_sparsity({{n, numel}});
      EXPECT_EQ(checkpoint::entries_at(sparsity, numel), n) << numel;
      EXPECT_TRUE(sparsity >= 0 && sparsity < 1);
    }
  }
  const double two = checkpoint::common_sparsity({{64, 147456}, {64, 589824}, {0, 1296}});
  EXPECT_EQ(checkpoint::entries_at(two, 1296), 1) << "peft refuses a weight without an entry";
  EXPECT_GE(checkpoint::entries_at(two, 147456), 64);
  EXPECT_EQ(checkpoint::entries_at(checkpoint::common_sparsity({{12, 12}, {1, 1296}}), 1296), 1296);
}

TEST(SupertuningExport, RefusesWhatItCannotHold) {
  const fs::path dir = kOut / "refused_supertuning";
  const auto refuses = [&](const std::string& family, const std::function<void(nn::Model&)>& change,
                           const std::string& reason) {
    fs::remove_all(dir);
    const auto model = random_model(family, dir / "config", Task::sequence_classification, 5);
    change(*model);
    try {
      checkpoint::export_supertuning(*model, (dir / "peft").string(), (dir / "base").string(),
                                     reload_base(Task::sequence_classification));
      ADD_FAILURE() << reason;
    } catch (const UsageError& error) {
      EXPECT_NE(std::string(error.what()).find(reason), std::string::npos) << error.what();
    }
    EXPECT_FALSE(fs::exists(dir / "peft"));
  };
  refuses(
      "bert", [](nn::Model&) {}, "format peft_supertuning: the model has no update");
  refuses(
      "gpt2", add_updates,
      "accepts only nn.Linear, but transformers stores 'transformer.h.0.attn.c_attn' as a Conv1D; use --format peft");
  const auto low_rank = [](nn::Model& model) {
    for (nn::Linear* linear : prune::select_linears(model, {"key"}))
      linear->set_adapter(std::make_shared<adapt::LowRankSparse>(
          adapt::add_factors(model.parameters(), *linear, drawn("V", {2, 36}, 0.2)), std::nullopt, 1.0, 1.0));
  };
  refuses("bert", low_rank, "the model has no sparse update; use --format peft");
  refuses(
      "bert", [](nn::Model& model) { add_updates(model), prune_units(model, 0.34, 0, false); },
      "format peft_supertuning: the base weights must be unpruned, but heads of layer 0 were pruned");
}

/// The point of the format: a LoRA needs a rank for each row with entries.
TEST(SupertuningExport, IsSmallerThanTheLora) {
  const fs::path dir = kOut / "smaller";
  fs::remove_all(dir);
  const auto model = random_bert(dir / "config", Task::sequence_classification, 5);
  checkpoint::export_model(*model, export_request(dir / "base", export_cases().front(), checkpoint::ExportFormat::hf));
  add_updates(*model);
  const auto base = reload_base(Task::sequence_classification);
  checkpoint::export_supertuning(*model, (dir / "supertuning").string(), (dir / "base").string(), base);
  checkpoint::export_peft(*model, (dir / "lora").string(), (dir / "base").string(), base);
  const auto size = [&](const char* name) { return fs::file_size(dir / name / "adapter_model.safetensors"); };
  EXPECT_LT(size("supertuning") * 2, size("lora"));
}

}  // namespace
}  // namespace filigree::test
