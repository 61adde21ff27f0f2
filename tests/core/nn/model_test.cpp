// Names of tasks, and what nn::Model does itself: moving its parameters, its device, the default loss over tokens.
//
// labels: unit
#include "core/nn/model.h"

#include <ATen/ops/equal.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <limits>

#include "core/error.h"
#include "tests/support/compare.h"
#include "tests/support/toy_model.h"

namespace filigree::nn {
namespace {

using test::ToyModel;

TEST(Model, MovesAllParametersAndKeepsLeaves) {
  ToyModel model;
  ParameterTable& table = model.parameters();
  table.set_role(table.at("classifier.weight"), Role::trainable);
  EXPECT_EQ(model.device(), at::Device(at::kCPU));
  const at::Tensor before = table.at("classifier.weight").value().detach().clone();
  model.to(at::kCPU);
  EXPECT_TRUE(at::equal(table.at("classifier.weight").value(), before));
  model.to(at::kMeta);  // a device that is always present
  EXPECT_EQ(model.device(), at::Device(at::kMeta));
  for (const ParameterPtr& parameter : table) {
    EXPECT_EQ(parameter->device(), at::Device(at::kMeta)) << parameter->name;
    EXPECT_TRUE(parameter->value().is_leaf()) << parameter->name;
    EXPECT_EQ(parameter->value().requires_grad(), parameter->name == "classifier.weight") << parameter->name;
  }
}

TEST(Model, WithoutATableOfTypesAnyTypeIsAllowed) {
  EXPECT_EQ(ToyModel().type_vocab_size(), std::numeric_limits<int64_t>::max());
}

/// By default the decoder has the whole vocabulary: the loss is -sum log p[label] over the rows with a label.
TEST(Model, DefaultTokenOutputIsTheWholeVocabulary) {
  const ToyModel model;
  const at::Tensor logits = test::randn("logits", {3, 5});
  const at::Tensor labels = at::tensor(std::vector<int64_t>{4, ops::kIgnoredLabel, 1}, at::kLong);
  const at::Tensor logp = at::log_softmax(logits, 1);
  const double expected = -logp[0][4].item<double>() - logp[2][1].item<double>();
  EXPECT_NEAR(model.token_output.loss(logits, labels, 0).item<double>(), expected, 1e-5);
  EXPECT_TRUE(model.token_output.gather(logits).is_same(logits));
}

}  // namespace
}  // namespace filigree::nn
