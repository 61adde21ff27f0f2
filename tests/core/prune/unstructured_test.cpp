// Radix selection against a sort; masks with exact counts.
#include "core/prune/unstructured.h"

#include <ATen/ops/linear.h>
#include <ATen/ops/ones.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "core/prune/inspect.h"
#include "core/recipe/key_error.h"
#include "dist/factory.h"
#include "tests/support/toy_model.h"

namespace filigree::prune {
namespace {

using test::DenseAdapter;
using test::drawn;
using test::ToyModel;

std::vector<float> sorted(const std::vector<at::Tensor>& tensors) {
  std::vector<float> all;
  for (const at::Tensor& tensor : tensors) {
    const at::Tensor flat = tensor.contiguous();
    all.insert(all.end(), flat.data_ptr<float>(), flat.data_ptr<float>() + flat.numel());
  }
  std::sort(all.begin(), all.end());
  return all;
}

WeightRequest request_for(double share, bool global, const std::string& kind = "magnitude") {
  WeightRequest request;
  request.share = share;
  request.global = global;
  request.scores.score = builtin_scores().at(kind);
  return request;
}

Sparsity prune_alone(ToyModel& model, const std::vector<nn::Linear*>& linears, const WeightRequest& request) {
  return prune_weights(model, linears, request, *dist::make_single());
}

int64_t zeros(const nn::Linear& linear) { return linear.mask()->value().eq(0).sum().item<int64_t>(); }

TEST(UnstructuredTest, EveryMatrixHasItsExactShare) {
  ToyModel model;
  const auto linears = select_linears(model, {});
  ASSERT_EQ(linears.size(), 12U);
  const Sparsity result = prune_alone(model, linears, request_for(0.37, false));
  int64_t sum = 0;
  for (const nn::Linear* linear : linears) {
    const auto expected =
        static_cast<int64_t>(std::llround(0.37 * static_cast<double>(linear->weight()->value().numel())));
    EXPECT_EQ(zeros(*linear), expected) << linear->name();
    const at::Tensor weight = linear->weight()->value();
    EXPECT_EQ(weight.eq(0).sum().item<int64_t>(), expected) << "the frozen weight is multiplied by its mask";
    sum += expected;
  }
  EXPECT_EQ(result.zeros, sum);
  EXPECT_NEAR(sparsity(model, *dist::make_single()), static_cast<double>(sum) / static_cast<double>(result.entries),
              1e-12);
}

TEST(UnstructuredTest, AGlobalPoolKeepsTheLargest) {
  ToyModel model, whole;
  const auto linears = select_linears(model, {});
  std::vector<at::Tensor> magnitudes;
  for (const nn::Linear* linear : select_linears(whole, {})) magnitudes.push_back(linear->weight()->value().abs());
  const std::vector<float> all = sorted(magnitudes);
  const Sparsity result = prune_alone(model, linears, request_for(0.5, true));
  EXPECT_EQ(result.entries, static_cast<int64_t>(all.size()));
  EXPECT_EQ(result.zeros, static_cast<int64_t>(all.size() + 1) / 2);
  const float threshold = all[static_cast<size_t>(result.zeros) - 1];
  for (size_t i = 0; i < linears.size(); ++i) {
    EXPECT_TRUE(linears[i]->mask()->value().to(at::kBool).equal(magnitudes[i].gt(threshold))) << linears[i]->name();
  }
}

TEST(UnstructuredTest, OfEqualScoresTheHigherIndexGoes) {
  ToyModel model;
  std::vector<nn::Linear*> linears{&model.linear(0, ToyModel::query), &model.linear(0, ToyModel::key)};
  for (nn::Linear* linear : linears) linear->weight()->value().fill_(-0.5);
  linears[0]->weight()->value()[11][11] = 0.25;
  linears[1]->weight()->value()[0][0] = 1.0;
  prune_alone(model, linears, request_for(100.0 / 288, true));
  at::Tensor first = at::ones({144}, at::kByte), second = at::ones({144}, at::kByte);
  first[143] = 0;                     // the one that is smaller
  second.narrow(0, 45, 99).fill_(0);  // of 286 equal ones the last 99
  EXPECT_TRUE(linears[0]->mask()->value().flatten().equal(first));
  EXPECT_TRUE(linears[1]->mask()->value().flatten().equal(second));
}

TEST(UnstructuredTest, ASecondRoundKeepsTheFirstsZeros) {
  ToyModel model;
  const auto linears = select_linears(model, {"query", "intermediate.dense"});
  ASSERT_EQ(linears.size(), 4U);
  prune_alone(model, linears, request_for(0.3, true, "random"));
  std::vector<at::Tensor> first;
  for (const nn::Linear* linear : linears) first.push_back(linear->mask()->value().clone());
  const auto parameters = model.parameters().size();
  const Sparsity result = prune_alone(model, linears, request_for(0.5, true));
  EXPECT_EQ(result.zeros, (result.entries + 1) / 2);
  EXPECT_EQ(model.parameters().size(), parameters) << "the masks are in the table once";
  for (size_t i = 0; i < linears.size(); ++i) {
    EXPECT_TRUE(linears[i]->mask()->value().le(first[i]).all().item<bool>()) << "an entry came back";
    EXPECT_TRUE(linears[i]->weight()->value().ne(0).equal(linears[i]->mask()->value().to(at::kBool)));
  }
}

TEST(UnstructuredTest, ARoundThatRegrowsChoosesAmongAllEntries) {
  ToyModel model;
  nn::Linear& query = model.linear(0, ToyModel::query);
  model.parameters().set_role(*query.weight(), nn::Role::trainable);
  WeightRequest request = request_for(0.5, false);
  request.scores.regrow = true;
  prune_alone(model, {&query}, request);
  const at::Tensor gone = query.mask()->value().eq(0).nonzero().select(0, 0);
  const at::Tensor weight = query.weight()->value().detach();
  const auto at_gone = [&](const at::Tensor& tensor) {
    return tensor[gone[0].item<int64_t>()][gone[1].item<int64_t>()];
  };
  EXPECT_NE(at_gone(weight).item<float>(), 0) << "the value stays under the mask";
  at_gone(weight).fill_(100);
  EXPECT_EQ(prune_alone(model, {&query}, request_for(0.5, false)).zeros, 72);
  EXPECT_EQ(at_gone(query.mask()->value()).item<int64_t>(), 0) << "without regrow it stays away";
  const Sparsity result = prune_alone(model, {&query}, request);
  EXPECT_EQ(result.zeros, 72);
  EXPECT_EQ(at_gone(query.mask()->value()).item<int64_t>(), 1);
  EXPECT_EQ(at_gone(query.merged_weight()).item<float>(), 100);
}

TEST(UnstructuredTest, FrozenWeightsCannotRegrow) {
  ToyModel model;
  WeightRequest request = request_for(0.5, false);
  request.scores.regrow = true;
  try {
    prune_alone(model, select_linears(model, {"query"}), request);
    FAIL() << "the values under the mask of a frozen weight are gone";
  } catch (const recipe::KeyError& error) {
    EXPECT_EQ(error.faults().front().key, "regrow");
    EXPECT_NE(std::string(error.what()).find("is frozen"), std::string::npos) << error.what();
  }
}

TEST(UnstructuredTest, TheMaskLeavesTheUpdateAlone) {
  ToyModel model;
  nn::Linear& query = model.linear(0, ToyModel::query);
  const auto adapter = std::make_shared<DenseAdapter>(model, query, 3);
  query.set_adapter(adapter);
  const at::Tensor base = query.weight()->value().clone();
  prune_alone(model, {&query}, request_for(0.5, false, "magnitude+delta"));
  const at::Tensor expected = base.mul(query.mask()->value().to(at::kFloat)).add(adapter->delta());
  EXPECT_TRUE(query.merged_weight().equal(expected));
}

TEST(UnstructuredTest, AMaskOfTheMergedWeightKeepsEveryZero) {
  ToyModel model;
  nn::Linear& query = model.linear(0, ToyModel::query);
  const auto adapter = std::make_shared<DenseAdapter>(model, query, 3);
  query.set_adapter(adapter);
  const at::Tensor sum = query.weight()->value().detach().add(adapter->delta());
  WeightRequest request = request_for(0.5, false, "merged");
  request.covers_update = true;
  prune_alone(model, {&query}, request);
  EXPECT_EQ(zeros(query), 72);
  EXPECT_TRUE(query.merged_weight().equal(sum.mul(query.mask()->value())));
  EXPECT_LT(sum.abs().masked_select(query.mask()->value().eq(0)).max().item<double>(),
            sum.abs().masked_select(query.mask()->value().eq(1)).min().item<double>());
  ToyModel again;
  again.linear(0, ToyModel::query)
      .set_adapter(std::make_shared<DenseAdapter>(again, again.linear(0, ToyModel::query), 3));
  add_masks(again, names_of_masks({&query}));
  EXPECT_TRUE(again.linear(0, ToyModel::query).covers_update()) << "a resumed run covers it as well";
}

TEST(UnstructuredTest, UnderAMergedMaskTheUpdateHasTheMaskedGradient) {
  ToyModel model;
  nn::Linear& query = model.linear(0, ToyModel::query);
  const auto adapter = std::make_shared<DenseAdapter>(model, query, 3);
  adapter->parameters().front()->value().set_requires_grad(true);
  query.set_adapter(adapter);
  WeightRequest request = request_for(0.5, false, "merged");
  request.covers_update = true;
  prune_alone(model, {&query}, request);
  const at::Tensor x = drawn(1, {5, 12}, 1.0), g = drawn(2, {5, 12}, 1.0);
  const at::Tensor y = query.forward(x);
  EXPECT_TRUE(y.detach().allclose(at::linear(x, query.merged_weight(), query.bias()->value().detach()), 1e-5, 1e-6));
  y.backward(g);
  const at::Tensor wanted = g.t().mm(x).mul(query.mask()->value());
  EXPECT_TRUE(adapter->parameters().front()->value().grad().allclose(wanted, 1e-5, 1e-6));
}

TEST(UnstructuredTest, NothingAndEverything) {
  ToyModel model;
  const auto linears = select_linears(model, {});
  const at::Tensor before = test::logits(model, test::toy_batch({1}));
  EXPECT_EQ(prune_alone(model, linears, request_for(0, true)).zeros, 0);
  EXPECT_TRUE(test::logits(model, test::toy_batch({1})).equal(before));
  const Sparsity all = prune_alone(model, linears, request_for(1, false));
  EXPECT_EQ(all.zeros, all.entries);
}

TEST(UnstructuredTest, TargetsAreWholeWords) {
  ToyModel model;
  EXPECT_EQ(select_linears(model, {"attention.output.dense"}).size(), 2U);
  EXPECT_EQ(select_linears(model, {"output.dense"}).size(), 4U);
  EXPECT_EQ(select_linears(model, {"classifier"}).size(), 1U);
  try {
    select_linears(model, {"query", "ery"});
    FAIL() << "'ery' is no word";
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find("'ery'"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("classifier"), std::string::npos) << error.what();
  }
}

TEST(UnstructuredTest, MasksBecomeParameters) {
  ToyModel model;
  prune_alone(model, select_linears(model, {"key"}), request_for(0.5, false));
  const auto masks = model.parameters().with_role(nn::Role::mask);
  ASSERT_EQ(masks.size(), 2U);
  EXPECT_EQ(masks[0]->name, "bert.encoder.layer.0.attention.self.key.mask");
  EXPECT_EQ(masks[0]->value().scalar_type(), at::kByte);
  EXPECT_EQ(masks[0]->logical_shape, (std::vector<int64_t>{12, 12}));
}

}  // namespace
}  // namespace filigree::prune
