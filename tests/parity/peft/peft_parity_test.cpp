// Our LoRA against peft's on the same model, factors and batch: logits within 1e-5, gradients within 1e-4 of their
// largest.
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/adapt/method.h"
#include "core/adapt/methods/lora.h"
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

std::unique_ptr<nn::Model> model_with_lora(const std::string& dir) {
  auto model = models::load_model(dir, models::ModelOptions());
  auto options = std::make_shared<adapt::LoraOptions>();
  options->rank = kRank;
  options->alpha = kAlpha;
  const auto ranks = dist::make_single();
  adapt::builtin_methods().make({"lora", options})->attach(*model, {1, *ranks, *ranks});
  return model;
}

/// peft's A is our V, its B our U.
std::string peft_name(std::string name) {
  if (const auto at = name.find("lora_V"); at != std::string::npos) return name.replace(at, 6, "lora_A");
  if (const auto at = name.find("lora_U"); at != std::string::npos) return name.replace(at, 6, "lora_B");
  return name;
}

TEST(PeftParity, LogitsAndGradientsOfALora) {
  const std::string dir = FILIGREE_BINARY_DIR "/reference/peft";
  if (!std::filesystem::exists(dir + "/peft.safetensors"))
    GTEST_SKIP() << dir << " is missing: the fixture peft_reference makes it (needs peft and the demo backbone)";
  const auto reference = checkpoint::SafetensorsReader::open(dir + "/peft.safetensors");
  const auto model = model_with_lora(dir + "/model");
  const auto trainable = model->parameters().with_role(nn::Role::trainable);
  EXPECT_EQ(trainable.size(), 6U * 2 * 2 + 2);
  {
    const at::NoGradGuard no_grad;
    for (const auto& parameter : trainable) parameter->value().copy_(reference.read(peft_name(parameter->name)));
  }
  const nn::Output output = model->forward(packed(reference), nn::ForwardContext());
  EXPECT_LE(max_difference(output.logits, reference.read("logits")), 1e-5);
  output.loss_sum.backward();
  for (const auto& parameter : trainable) {
    const at::Tensor expected = reference.read("grad." + peft_name(parameter->name));
    EXPECT_LE(max_difference(parameter->value().grad(), expected), 1e-4 * largest_entry(expected)) << parameter->name;
    EXPECT_GT(largest_entry(expected), 0.0) << parameter->name;
  }
}

}  // namespace
}  // namespace filigree
