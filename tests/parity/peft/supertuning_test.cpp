// Super-Tuning adapters that filigree exports, as the start of a run, and what is wrong with spoilt ones. import_peft_test
// has those that peft wrote.
#include <ATen/ops/arange.h>
#include <ATen/ops/isin.h>
#include <ATen/ops/ones.h>
#include <gtest/gtest.h>

#include <map>

#include "core/export/peft/export_supertuning.h"
#include "core/export/peft/import_peft.h"
#include "core/nn/adapter.h"
#include "tests/parity/peft/import_support.h"

namespace filigree::test {
namespace {

namespace fs = std::filesystem;

/// The entries of a linear's S2 that are not 0, by flat position: t times their values.
std::map<int64_t, float> entries_of(nn::Model& model, const std::string& name) {
  std::map<int64_t, float> entries;
  for (const nn::Linear* linear : prune::select_linears(model, {name})) {
    const auto form = linear->adapter()->low_rank_form();
    const at::Tensor places = form->rows->value().mul(linear->in_features()).add(form->cols->value());
    EXPECT_GT(places.diff().min().item<int64_t>(), 0) << "ascending and distinct";
    const at::Tensor values = form->values->value().detach().mul(form->sparse_scale);
    for (int64_t i = 0; i < values.numel(); ++i)
      if (values[i].item<float>() != 0) entries[places[i].item<int64_t>()] = values[i].item<float>();
  }
  return entries;
}

/// Positions that S2 has in addition to the adapter's stay the method's choice.
TEST(SupertuningImport, OwnExportsGiveTheEntriesAgain) {
  const fs::path dir = kReference / "own_supertuning";
  fs::remove_all(dir);
  const auto model = random_model("bert", dir / "config", Task::sequence_classification, 5);
  checkpoint::export_model(*model, export_request(dir / "base", export_cases().front(), checkpoint::ExportFormat::hf));
  add_mixed_updates(*model);
  checkpoint::export_supertuning(*model, (dir / "adapter").string(), (dir / "base").string(),
                                 reload_base(Task::sequence_classification));
  const auto adapter = checkpoint::read_peft((dir / "adapter").string());
  EXPECT_TRUE(adapter.has_entries());
  const auto again = load(dir / "base", Task::sequence_classification);
  attach(*again, {"query", "key", "value", "intermediate.dense"}, "dsee", 9);
  const std::string query = "layer.1.attention.self.query";
  const auto form = prune::select_linears(*again, {query}).front()->adapter()->low_rank_form();
  const at::Tensor chosen = form->rows->value().mul(36).add(form->cols->value());
  checkpoint::continue_from(*again, adapter);
  EXPECT_LE(checkpoint::largest_difference(*again, *model, checkpoint::probe_batch(*model)), 1e-5);
  const auto expected = entries_of(*model, query), found = entries_of(*again, query);
  ASSERT_EQ(found.size(), 18U);
  for (const auto& [place, value] : expected) EXPECT_FLOAT_EQ(found.at(place), value);
  EXPECT_EQ(form->values->value().numel(), kEntries);
  const at::Tensor places = form->rows->value().mul(36).add(form->cols->value());
  EXPECT_GE(at::isin(chosen, places).sum().item<int64_t>(), kEntries - 2 * 18) << "the method's choice is lost";
  // A zero of the adapter keeps its place as well, if there is room: N of this weight is 18.
  EXPECT_TRUE(at::isin(adapter.modules.at("bert.encoder." + query).places, places).all().item<bool>());
}

/// A Super-Tuning adapter of a small BERT, spoilt in one place each.
class SupertuningRefusals : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(dir_);
    const auto model = random_bert(dir_ / "config", Task::sequence_classification, 5);
    checkpoint::export_model(*model,
                             export_request(dir_ / "base", export_cases().front(), checkpoint::ExportFormat::hf));
    add_updates(*model);
    checkpoint::export_supertuning(*model, adapter(), (dir_ / "base").string(),
                                   reload_base(Task::sequence_classification));
    config_ = nlohmann::json::parse(std::ifstream(adapter() + "/adapter_config.json"));
    const auto reader = checkpoint::SafetensorsReader::open(adapter() + "/adapter_model.safetensors");
    for (const std::string& name : reader.names()) tensors_.emplace_back(name, reader.read(name));
  }
  void TearDown() override { fs::remove_all(dir_); }

  std::string adapter() const { return (dir_ / "adapter").string(); }

  /// The message when the adapter has the given configuration and tensors; "": nothing is refused.
  template <class Error>
  std::string refusal(const nlohmann::json& config, const checkpoint::NamedTensors& tensors,
                      const std::string& method = "dsee",
                      const std::vector<std::string>& targets = {"query", "value"}) {
    std::ofstream(adapter() + "/adapter_config.json") << config;
    checkpoint::write_safetensors(adapter() + "/adapter_model.safetensors", tensors);
    const auto model = load(dir_ / "base", Task::sequence_classification);
    attach(*model, targets, method, 40);
    try {
      checkpoint::continue_from(*model, checkpoint::read_peft(adapter()));
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }
  nlohmann::json with(const std::string& key, const nlohmann::json& value) const {
    nlohmann::json config = config_;
    config[key] = value;
    return config;
  }
  /// The tensors with a change of the one of layer 0's query whose name ends so.
  checkpoint::NamedTensors changed(const std::string& end, const std::function<at::Tensor(const at::Tensor&)>& change) {
    checkpoint::NamedTensors tensors;
    for (const auto& [name, tensor] : tensors_) {
      if (!name.ends_with("layer.0.attention.self.query.supertuning_" + end))
        tensors.emplace_back(name, tensor);
      else if (const at::Tensor now = change(tensor.clone()); now.defined())
        tensors.emplace_back(name, now);
    }
    return tensors;
  }

  fs::path dir_ = kReference / "refused_supertuning";
  nlohmann::json config_;
  checkpoint::NamedTensors tensors_;
};

void expect_text(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << "'" << text << "' lacks '" << part << "'";
}

TEST_F(SupertuningRefusals, Configurations) {
  EXPECT_EQ(refusal<UserError>(config_, tensors_), "");
  EXPECT_EQ(refusal<UserError>(with("lora_alpha", nullptr), tensors_), "");
  EXPECT_EQ(checkpoint::read_peft(adapter()).modules.begin()->second.scale, 2.0) << "without lora_alpha, peft uses 2 r";
  expect_text(refusal<UsageError>(with("save_precomputed_indices", false), tensors_),
              "save_precomputed_indices is false: the adapter does not contain its positions; save it again with");
  expect_text(refusal<UsageError>(with("rank_pattern", {{"query", 3}}), tensors_),
              "rank_pattern is set, which is not plain Super-Tuning");
  expect_text(refusal<DataError>(with("sparsity", 1.5), tensors_),
              "sparsity is 1.5, which is not at least 0 and below 1");
  expect_text(refusal<DataError>(with("sparsity", 0.5), tensors_),
              "has 18 entries, but adapter_config.json (sparsity) has 648 for a weight of 36 x 36");
  expect_text(refusal<DataError>(with("r", 2), tensors_),
              "has rank 3, but adapter_config.json (r, rank_pattern) has 2");
  expect_text(refusal<DataError>(with("sparsity", "much"), tensors_), "sparsity is \"much\", which has the wrong type");
}

TEST_F(SupertuningRefusals, Tensors) {
  const auto none = [](const at::Tensor&) { return at::Tensor(); };
  expect_text(refusal<DataError>(config_, changed("indices", none)), "query' has no supertuning_indices");
  expect_text(refusal<DataError>(config_, changed("values", none)), "query' has no supertuning_values");
  expect_text(refusal<DataError>(config_, changed("lora_A.weight", none)), "query' has no lora_A");
  const auto shorter = [](const at::Tensor& tensor) { return tensor.narrow(0, 0, 5).clone(); };
  expect_text(refusal<DataError>(config_, changed("values", shorter)),
              "is [5] and supertuning_indices is [18]; both must be one list of the same length");
  const auto put = [](int64_t index, int64_t value) {
    return [=](const at::Tensor& tensor) { return tensor.select(0, index).fill_(value), tensor; };
  };
  expect_text(refusal<DataError>(config_, changed("indices", put(0, 36 * 36))),
              "has entries at positions outside 0 to 1295, those of the model's weight 36 x 36; it belongs to another");
  expect_text(refusal<DataError>(config_, changed("indices", put(0, -1))),
              "has entries at positions outside 0 to 1295");
  const auto twice = [](const at::Tensor& tensor) { return tensor[1].copy_(tensor[0]), tensor; };
  expect_text(refusal<DataError>(config_, changed("indices", twice)), "query' contains a position twice");
  const auto fractions = [](const at::Tensor& tensor) { return tensor.to(at::kFloat); };
  expect_text(refusal<DataError>(config_, changed("indices", fractions)),
              "holds fractions, but positions are whole numbers");
}

TEST_F(SupertuningRefusals, MethodsWithoutRoom) {
  expect_text(refusal<UsageError>(config_, tensors_, "lora"), "for which the first method has no sparse update; use a");
  expect_text(refusal<UsageError>(config_, tensors_, "dsee", {"query"}), "has no low-rank update; add it to the");
  checkpoint::NamedTensors more;  // all entries of the weights
  for (const auto& [name, tensor] : tensors_)
    if (!name.ends_with("values") && !name.ends_with("indices"))
      more.emplace_back(name, tensor);
    else if (name.ends_with("values"))
      more.emplace_back(name, at::ones({1296}, at::kFloat));
    else
      more.emplace_back(name, at::arange(1296, at::kInt));
  expect_text(refusal<UsageError>(with("sparsity", 0.0), more),
              "changes 1296 entries of 'bert.encoder.layer.0.attention.self.query', but the method's sparse update has "
              "only 80; set its num_sparse or sparse_density so that it has 1296 or more");
}

}  // namespace
}  // namespace filigree::test
