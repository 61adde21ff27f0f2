// Logits, losses and every gradient against transformers; bert_reference.py makes the numbers in the build folder.
#include <ATen/ops/abs.h>
#include <ATen/ops/max.h>
#include <ATen/ops/sub.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/checkpoint/safetensors.h"
#include "models/registry.h"

namespace filigree::models {
namespace {

namespace fs = std::filesystem;

const fs::path kReference = fs::path(FILIGREE_BINARY_DIR) / "reference" / "bert";

data::Batch pack(const nlohmann::json& samples, nn::Task task) {
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
  batch.labels = at::tensor(labels, at::kDouble).to(task == nn::Task::regression ? at::kFloat : at::kLong);
  return batch;
}

double largest(const at::Tensor& x) { return x.numel() == 0 ? 0 : at::max(at::abs(x)).item<double>(); }
double distance(const at::Tensor& a, const at::Tensor& b) { return largest(at::sub(a, b)); }

class BertParity : public testing::TestWithParam<const char*> {};

TEST_P(BertParity, LogitsLossAndGradients) {
  const fs::path dir = kReference / GetParam();
  if (!fs::exists(dir))
    GTEST_SKIP() << dir << " is absent: bert_reference.py did not make it (no MiniLM, or run through ctest)";
  const auto given = nlohmann::json::parse(std::ifstream(dir / "batch.json"));
  const auto reference = checkpoint::SafetensorsReader::open((dir / "reference.safetensors").string());
  ModelOptions options;
  options.task = nn::task_from(given["task"]);
  LoadReport report;
  const auto model = load_model(dir.string(), options, &report);
  EXPECT_TRUE(report.fresh.empty()) << report.fresh.front();
  EXPECT_TRUE(report.unused.empty()) << report.unused.front();
  for (const auto& parameter : model->parameters()) model->parameters().set_role(*parameter, nn::Role::trainable);

  const nn::Output out = model->forward(pack(given["samples"], options.task), nn::ForwardContext{});
  EXPECT_LE(distance(out.logits, reference.read("logits")), 1e-5);
  const auto loss = reference.read("loss").item<double>();
  EXPECT_NEAR(out.loss_sum.item<double>(), loss, 1e-5 * std::max(1.0, std::abs(loss)));

  out.loss_sum.backward();
  double greatest = 0;
  for (const auto& parameter : model->parameters()) greatest = std::max(greatest, largest(parameter->value.grad()));
  for (const auto& parameter : model->parameters()) {
    const at::Tensor expected = reference.read("grad." + parameter->name);
    // A key's bias shifts all scores of a query alike: its gradient is zero, what is left is rounding.
    const bool zero = parameter->name.ends_with("key.bias");
    const double bound = zero ? 1e-5 * greatest : 1e-4 * largest(expected);
    EXPECT_LE(distance(parameter->value.grad(), expected), bound) << parameter->name;
  }
  EXPECT_EQ(reference.names().size(), model->parameters().size() + 2) << "a gradient of the reference has no parameter";
}

INSTANTIATE_TEST_SUITE_P(Cases, BertParity,
                         testing::Values("one_layer", "three_layers", "one_head", "relu_wide", "gelu_new", "regression",
                                         "masked_lm", "minilm"),
                         [](const auto& case_) { return std::string(case_.param); });

}  // namespace
}  // namespace filigree::models
