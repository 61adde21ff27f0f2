// The three families with weights that are made in each pass, against the same models with these weights written into their
// linears: losses, logits and every gradient. fp64 autograd carries the gradient of a made weight to what it is made of.
//
// labels: unit parity
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "dist/factory.h"
#include "tests/core/adapt/dense_form.h"
#include "tests/parity/mesh_steps.h"

namespace filigree::test {
namespace {

constexpr double kSame = 1e-6;  // of the largest entry

/// The constants of config_of(name).
FormOptions form_of(const std::string& name) {
  FormOptions form;
  if (name == "mixout" || name == "dps_mix") form.probability = 0.3;
  return form;
}

/// The model without the method: all parameters train, linears have the weights that `made` makes.
std::unique_ptr<nn::Model> plain_of(nn::Model& made, const Family& family, Task task) {
  auto plain = model_of(family, task, nullptr, at::kCPU);
  const at::NoGradGuard no_grad;
  for (const nn::ParameterPtr& parameter : plain->parameters()) {
    parameter->value().copy_(made.parameters().at(parameter->name).value());
    plain->parameters().set_role(*parameter, nn::Role::trainable);
  }
  const std::vector<nn::Linear*> linears = made.linears();
  for (size_t i = 0; i < linears.size(); ++i)
    if (linears[i]->makes_weight()) plain->linears()[i]->weight()->value().copy_(linears[i]->merged_weight());
  return plain;
}

/// What the made weights are made of, with the gradients that follow from those of the plain model's weights.
Leaves chained(nn::Model& made, nn::Model& plain, const FormOptions& form) {
  Leaves leaves;
  const std::vector<nn::Linear*> linears = made.linears();
  for (size_t i = 0; i < linears.size(); ++i) {
    if (!linears[i]->makes_weight()) continue;
    const at::Tensor weight = dense_form(*linears[i], leaves, form);
    const at::Tensor gradient = plain.linears()[i]->weight()->value().grad();
    weight.backward(gradient.to(at::kDouble));
  }
  return leaves;
}

class DenseForm : public testing::TestWithParam<std::tuple<Family, std::string>> {
 protected:
  static void SetUpTestSuite() { write_models(); }
};

TEST_P(DenseForm, ModelsWithMadeWeightsAreThoseWithTheWeightsWrittenIn) {
  const auto& [family, name] = GetParam();
  const auto single = dist::make_single();
  const Task task = family.tasks.back();
  const auto made = model_of(family, task, nullptr, at::kCPU);
  const auto method = attach(*made, name, *single, *single);
  method->before_step(*made, {0, 100, true, *single, *single});
  const auto plain = plain_of(*made, family, task);
  std::vector<nn::Output> outputs;
  for (nn::Model* model : {made.get(), plain.get()}) {
    outputs.push_back(model->forward(batch_of(samples_of(0, 1), task, at::kCPU), training()));
    outputs.back().loss_sum.backward();
  }
  EXPECT_LE(difference(outputs[0].loss_sum, outputs[1].loss_sum, outputs[1].loss_sum), kSame);
  EXPECT_LE(difference(outputs[0].logits, outputs[1].logits, outputs[1].logits), kSame);
  Leaves leaves = chained(*made, *plain, form_of(name));
  int64_t through = 0;
  for (const nn::ParameterPtr& parameter : made->parameters()) {
    if (!parameter->trainable()) continue;
    const bool is_leaf = leaves.contains(parameter->name);
    const at::Tensor wanted =
        is_leaf ? leaves.of(*parameter).grad() : plain->parameters().at(parameter->name).value().grad();
    const at::Tensor scale =
        parameter->name.ends_with("key.bias") ? key_weight_gradient(*plain, parameter->name) : wanted;
    ASSERT_TRUE(parameter->value().grad().defined()) << parameter->name;
    EXPECT_GT(scale.abs().max().item<double>(), 0) << parameter->name;
    EXPECT_LE(difference(parameter->value().grad(), wanted, scale), kSame) << parameter->name;
    through += is_leaf ? 1 : 0;
  }
  EXPECT_GE(through, 3) << "of the made weights, in three layers";
}

INSTANTIATE_TEST_SUITE_P(Families, DenseForm,
                         testing::Combine(testing::ValuesIn(families()),
                                          testing::Values("full_masked", "dsee", "dsee_masked", "dsee_merged_mask",
                                                          "full_merged_mask", "pst", "movement", "soft_movement", "smp",
                                                          "block_movement", "mixout", "dps_mix", "gates")),
                         [](const auto& row) { return std::get<0>(row.param).name + "_" + std::get<1>(row.param); });

/// So that the lists of mesh_cases.h cover both ways to add S2.
TEST(MeshMethods, DseeIsMergedAndTheSmallOneVisited) {
  write_models();
  const auto single = dist::make_single();
  for (const std::string name : {"dsee", "dsee_visited"}) {
    const auto model = model_of(families().front(), Task::sequence_classification, nullptr, at::kCPU);
    attach(*model, name, *single, *single);
    int64_t updated = 0;
    for (const nn::Linear* linear : model->linears()) {
      if (!linear->adapter()) continue;
      EXPECT_EQ(linear->adapter()->is_merged(), name == "dsee") << linear->name();
      ++updated;
    }
    EXPECT_EQ(updated, 6) << name;
  }
}

}  // namespace
}  // namespace filigree::test
