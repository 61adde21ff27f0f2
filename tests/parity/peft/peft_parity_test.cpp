// Our LoRA against peft's, and our sparse update against its SHiRA, on the same model, values, places and batch: logits
// within 1e-5, gradients within 1e-4 of their largest.
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/zeros_like.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/adapt/method.h"
#include "core/adapt/methods/dsee.h"
#include "core/adapt/methods/lora.h"
#include "core/adapt/sparse_product.h"
#include "core/safetensors/safetensors.h"
#include "dist/factory.h"
#include "models/registry.h"
#include "tests/support/compare.h"

namespace filigree {
namespace {

using test::largest_entry;
using test::max_difference;

constexpr int64_t kRank = 8;  // as in peft_reference.py
constexpr double kAlpha = 16;

data::Batch packed(const checkpoint::SafetensorsReader& reference) {
  data::Batch batch;
  batch.ids = reference.read("ids");
  batch.type_ids = at::zeros_like(batch.ids);
  batch.labels = reference.read("labels");
  const at::Tensor lengths = reference.read("lengths");
  std::vector<at::Tensor> positions;
  batch.offsets = {0};
  for (int64_t b = 0; b < lengths.numel(); ++b) {
    const auto length = lengths[b].item<int64_t>();
    positions.push_back(at::arange(length, at::kLong));
    batch.offsets.push_back(batch.offsets.back() + length);
    batch.samples.push_back(b);
  }
  batch.positions = at::cat(positions);
  return batch;
}

std::unique_ptr<nn::Model> model_with(const std::string& dir, const recipe::MethodConfig& method) {
  auto model = models::load_model(dir, models::ModelOptions());
  const auto ranks = dist::make_single();
  adapt::builtin_methods().make(method)->attach(*model, {1, *ranks, *ranks});
  return model;
}

recipe::MethodConfig lora() {
  auto options = std::make_shared<adapt::LoraOptions>();
  options->rank = kRank;
  options->alpha = kAlpha;
  return {"lora", options};
}

/// As many entries per target as SHiRA has with rank r; their places are given later.
recipe::MethodConfig shira(int64_t entries) {
  auto options = std::make_shared<adapt::DseeOptions>();
  options->rank = 0;
  options->num_sparse = entries;
  options->support = adapt::SupportKind::random;
  return {"dsee", options};
}

/// peft's A is our V, its B our U.
std::string peft_name(std::string name) {
  if (const auto at = name.find("lora_V"); at != std::string::npos) return name.replace(at, 6, "lora_A");
  if (const auto at = name.find("lora_U"); at != std::string::npos) return name.replace(at, 6, "lora_B");
  return name;
}

void expect_parity(nn::Model& model, const checkpoint::SafetensorsReader& reference) {
  const auto trainable = model.parameters().with_role(nn::Role::trainable);
  {
    const at::NoGradGuard no_grad;
    for (const auto& parameter : trainable) parameter->value().copy_(reference.read(peft_name(parameter->name)));
  }
  const nn::Output output = model.forward(packed(reference), nn::ForwardContext());
  EXPECT_LE(max_difference(output.logits, reference.read("logits")), 1e-5);
  output.loss_sum.backward();
  for (const auto& parameter : trainable) {
    const at::Tensor expected = reference.read("grad." + peft_name(parameter->name));
    EXPECT_LE(max_difference(parameter->value().grad(), expected), 1e-4 * largest_entry(expected)) << parameter->name;
    EXPECT_GT(largest_entry(expected), 0.0) << parameter->name;
  }
}

const std::string kDir = FILIGREE_BINARY_DIR "/reference/peft";

TEST(PeftParity, LogitsAndGradientsOfALora) {
  if (!std::filesystem::exists(kDir + "/peft.safetensors"))
    GTEST_SKIP() << kDir << " is missing: the fixture peft_reference makes it (needs peft and the demo backbone)";
  const auto model = model_with(kDir + "/model", lora());
  EXPECT_EQ(model->parameters().with_role(nn::Role::trainable).size(), 6U * 2 * 2 + 2);
  expect_parity(*model, checkpoint::SafetensorsReader::open(kDir + "/peft.safetensors"));
}

class PeftShira : public testing::TestWithParam<int64_t> {};

TEST_P(PeftShira, LogitsAndGradients) {
  const std::string file = fmt::format("{}/shira-{}.safetensors", kDir, GetParam());
  if (!std::filesystem::exists(file))
    GTEST_SKIP() << file << " is missing: the fixture peft_reference makes it (needs peft and the demo backbone)";
  const auto reference = checkpoint::SafetensorsReader::open(file);
  const int64_t width = 384, entries = GetParam() * 2 * width;
  const auto model = model_with(kDir + "/model", shira(entries));
  EXPECT_EQ(model->parameters().with_role(nn::Role::trainable).size(), 6U * 2 + 2);
  int64_t moved = 0;
  for (const auto& parameter : model->parameters()) {
    if (!parameter->name.ends_with(".sparse_rows") && !parameter->name.ends_with(".sparse_cols")) continue;
    const at::Tensor places = reference.read(parameter->name);
    ASSERT_EQ(places.numel(), entries) << parameter->name;
    moved += parameter->value().ne(places).sum().item<int64_t>();
    parameter->set_value(places);
  }
  EXPECT_GT(moved, 6 * entries) << "the places are those that the method drew";
  EXPECT_EQ(adapt::is_dense(entries, width, width, at::kCPU), GetParam() > 1) << "both routes are compared";
  expect_parity(*model, reference);
}

INSTANTIATE_TEST_SUITE_P(Ranks, PeftShira, testing::Values(1, 32));

}  // namespace
}  // namespace filigree
