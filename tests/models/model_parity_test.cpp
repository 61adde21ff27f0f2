// Logits, losses and every gradient against transformers; model_reference.py makes the numbers in the build folder.
#include <ATen/ops/abs.h>
#include <ATen/ops/max.h>
#include <ATen/ops/sub.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/safetensors/safetensors.h"
#include "models/registry.h"

namespace filigree::models {
namespace {

namespace fs = std::filesystem;

const fs::path kReference = fs::path(FILIGREE_BINARY_DIR) / "reference" / "models";

data::Batch pack(const nlohmann::json& samples, Task task) {
  std::vector<int64_t> ids, types, positions;
  std::vector<double> labels;
  data::Batch batch;
  batch.offsets = {0};
  for (const auto& sample : samples) {
    for (size_t i = 0; i < sample["ids"].size(); ++i) {
      ids.push_back(sample["ids"][i]);
      types.push_back(sample["types"][i]);
      positions.push_back(static_cast<int64_t>(i));
    }
    if (sample["label"].is_array()) {
      for (const auto& label : sample["label"]) labels.push_back(label);
    } else {
      labels.push_back(sample["label"]);
    }
    batch.offsets.push_back(static_cast<int64_t>(ids.size()));
    batch.samples.push_back(batch.size());
  }
  batch.ids = at::tensor(ids, at::kLong);
  batch.type_ids = at::tensor(types, at::kLong);
  batch.positions = at::tensor(positions, at::kLong);
  batch.labels = at::tensor(labels, at::kDouble).to(task == Task::regression ? at::kFloat : at::kLong);
  return batch;
}

double largest(const at::Tensor& x) { return x.numel() == 0 ? 0 : at::max(at::abs(x)).item<double>(); }
double distance(const at::Tensor& a, const at::Tensor& b) { return largest(at::sub(a, b)); }

class ModelParity : public testing::TestWithParam<const char*> {};

TEST_P(ModelParity, LogitsLossAndGradients) {
  const fs::path dir = kReference / GetParam();
  if (!fs::exists(dir))
    GTEST_SKIP() << dir << " is absent: model_reference.py did not make it (no MiniLM, or run through ctest)";
  const auto given = nlohmann::json::parse(std::ifstream(dir / "batch.json"));
  const auto reference = checkpoint::SafetensorsReader::open((dir / "reference.safetensors").string());
  ModelOptions options;
  options.task = enum_from<Task>(given["task"].get<std::string>()).value();
  LoadReport report;
  const auto model = load_model(dir.string(), options, &report);
  EXPECT_TRUE(report.newly_initialized.empty()) << report.newly_initialized.front();
  EXPECT_TRUE(report.unused.empty()) << report.unused.front();
  for (const auto& parameter : model->parameters()) model->parameters().set_role(*parameter, nn::Role::trainable);

  const nn::Output out = model->forward(pack(given["samples"], options.task), nn::ForwardContext{});
  EXPECT_LE(distance(out.logits, reference.read("logits")), 1e-5);
  const auto loss = reference.read("loss").item<double>();
  EXPECT_NEAR(out.loss_sum.item<double>(), loss, 1e-5 * std::max(1.0, std::abs(loss)));

  out.loss_sum.backward();
  double greatest = 0;
  nn::StateTensors gradients;
  for (const auto& parameter : model->parameters()) {
    greatest = std::max(greatest, largest(parameter->value().grad()));
    gradients.emplace_back(parameter->name, parameter->value().grad());
  }
  gradients = model->to_files(std::move(gradients));
  for (const auto& [name, gradient] : gradients) {
    const at::Tensor expected = reference.read("grad." + name);
    // A key's bias shifts all scores of a query alike: its gradient is zero, what is left is rounding.
    const double bound = name.ends_with("key.bias") ? 1e-5 * greatest : 1e-4 * largest(expected);
    EXPECT_LE(distance(gradient, expected), bound) << name;
  }
  EXPECT_EQ(reference.names().size(), gradients.size() + 2) << "a gradient of the reference has no parameter";
}

INSTANTIATE_TEST_SUITE_P(Cases, ModelParity,
                         testing::Values("one_layer", "three_layers", "one_head", "relu_wide", "gelu_new", "regression",
                                         "masked_lm", "minilm", "roberta_one_layer", "roberta_three_layers",
                                         "roberta_regression", "roberta_masked_lm", "gpt2_one_layer",
                                         "gpt2_three_layers", "gpt2_regression", "gpt2_causal_lm",
                                         "gpt2_causal_lm_gelu", "gpt2_padding_in_texts", "gpt2_no_padding",
                                         "gpt2_attribute_map", "gpt2_both_names", "gpt2_causal_lm_untied",
                                         "gpt2_head_only", "masked_lm_untied", "masked_lm_decoder_bias",
                                         "masked_lm_two_tables", "masked_lm_untied_one_bias",
                                         "roberta_masked_lm_untied", "roberta_decoder_bias"),
                         [](const auto& instance) { return std::string(instance.param); });

}  // namespace
}  // namespace filigree::models
