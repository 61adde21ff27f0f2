#include "core/adapt/low_rank_sparse.h"

#include <ATen/Context.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "core/adapt/support.h"
#include "core/nn/linear.h"
#include "tests/support/compare.h"

namespace filigree::adapt {
namespace {

using nn::Role;
using test::largest_entry;
using test::max_difference;
using test::randn;

constexpr int64_t kOut = 24, kIn = 40, kRank = 4, kTokens = 90;
constexpr double kScale = 2.0, kSparseScale = 0.75;

/// `n` places, ascending, spread over the matrix; the first two share a row.
Support places(int64_t n) {
  std::vector<int64_t> rows, cols;
  for (int64_t k = 0; k < n; ++k) {
    const int64_t place = k < 2 ? k : k * (kOut * kIn - 1) / n;
    rows.push_back(place / kIn);
    cols.push_back(place % kIn);
  }
  return {at::tensor(rows, at::kLong), at::tensor(cols, at::kLong)};
}

/// One adapted linear with every value away from 0.
struct Fixture {
  nn::ParameterTable table;
  std::unique_ptr<nn::Linear> linear;

  Fixture(const std::string& kind, int64_t n, at::Device device = at::kCPU) {
    linear = std::make_unique<nn::Linear>("layer", table.add("layer.weight", randn("w", {kOut, kIn}).to(device)),
                                          table.add("layer.bias", randn("b", {kOut}).to(device)));
    const Support support = places(n);
    std::optional<Factors> factors;
    std::optional<SparseEntries> entries;
    if (kind != "sparse_delta") factors = add_factors(table, *linear, randn("v", {kRank, kIn}).to(device));
    if (kind != "low_rank")
      entries = add_entries(table, "layer", kOut, kIn, support.rows.to(device), support.cols.to(device));
    linear->set_adapter(std::make_shared<LowRankSparse>(factors, entries, kScale, kSparseScale));
    const at::NoGradGuard no_grad;
    for (const auto& parameter : table.with_role(Role::trainable))
      parameter->value().copy_(randn(parameter->name, parameter->value().sizes().vec()));
  }

  at::Tensor value(const std::string& name) const { return table.at("layer." + name).value(); }
  bool has(const std::string& name) const { return table.find("layer." + name) != nullptr; }

  /// D by plain autograd, for the reference.
  at::Tensor reference_delta() const {
    at::Tensor d = at::zeros({kOut, kIn}, at::kFloat).to(table.at("layer.weight").value().device());
    if (has("lora_U")) d = d.add(at::mm(value("lora_U"), value("lora_V")).mul(kScale));
    if (has("sparse_values"))
      d = d.index_put({value("sparse_rows"), value("sparse_cols")}, value("sparse_values").mul(kSparseScale), true);
    return d;
  }
};

using Case = std::tuple<std::string, int64_t>;
class Adapters : public testing::TestWithParam<Case> {};

/// Gradients of sum(weights * y) with respect to x and all trainable parameters, by name.
std::vector<std::pair<std::string, at::Tensor>> gradients(const Fixture& fixture, const at::Tensor& x,
                                                          const at::Tensor& y) {
  for (const auto& parameter : fixture.table.with_role(Role::trainable))
    parameter->value().mutable_grad() = at::Tensor();
  x.mutable_grad() = at::Tensor();
  y.mul(randn("weights", y.sizes().vec()).to(y.device(), y.scalar_type())).sum().backward();
  std::vector<std::pair<std::string, at::Tensor>> all = {{"x", x.grad().clone()}};
  for (const auto& parameter : fixture.table.with_role(Role::trainable))
    all.emplace_back(parameter->name, parameter->value().grad().clone());
  return all;
}

void compare(const Fixture& fixture, at::ScalarType compute, double tolerance) {
  const at::Device device = fixture.table.at("layer.weight").value().device();
  at::Tensor x = randn("x", {kTokens, kIn}).to(device, compute).set_requires_grad(true);
  at::Tensor plain_x = x.detach().to(at::kFloat).set_requires_grad(true);

  const at::Tensor y = fixture.linear->forward(x);
  EXPECT_EQ(y.scalar_type(), compute);
  const auto found = gradients(fixture, x, y);
  const at::Tensor weight = fixture.value("weight").add(fixture.reference_delta());
  const at::Tensor expected = at::linear(plain_x, weight, fixture.value("bias"));
  const auto wanted = gradients(fixture, plain_x, expected);

  EXPECT_LE(max_difference(y, expected), tolerance * largest_entry(expected));
  ASSERT_EQ(found.size(), wanted.size());
  for (size_t i = 0; i < found.size(); ++i) {
    EXPECT_LE(max_difference(found[i].second, wanted[i].second), tolerance * largest_entry(wanted[i].second))
        << found[i].first;
    if (i > 0) {
      EXPECT_EQ(found[i].second.scalar_type(), at::kFloat) << found[i].first;
    }
  }
}

TEST_P(Adapters, ForwardAndEveryGradientAgreeWithPlainAutograd) {
  const auto& [kind, n] = GetParam();
  const Fixture fixture(kind, n);
  compare(fixture, at::kFloat, 5e-6);
  EXPECT_LE(max_difference(fixture.linear->adapter()->delta(), fixture.reference_delta()), 1e-5);
  EXPECT_EQ(fixture.linear->adapter()->kind(), kind);
}

TEST_P(Adapters, Bfloat16IsCloseToTheReference) {
  const auto& [kind, n] = GetParam();
  compare(Fixture(kind, n), at::kBFloat16, 1.5e-2);
}

TEST_P(Adapters, TheGpuAgreesToo) {
  if (!at::hasCUDA()) GTEST_SKIP() << "no CUDA device here";
  const auto& [kind, n] = GetParam();
  compare(Fixture(kind, n, at::kCUDA), at::kFloat, 1e-5);
}

/// A shrunk adapter's D is the slice of the old D, and its forward pass still adds that D.
TEST_P(Adapters, ShrinksAlongRowsAndColumns) {
  const auto& [kind, n] = GetParam();
  for (int64_t dim : {0, 1}) {
    Fixture fixture(kind, n);
    const at::Tensor index =
        dim == 0 ? at::tensor({0, 3, 4, 11, 20}, at::kLong) : at::tensor({1, 2, 17, 39}, at::kLong);
    const at::Tensor before = fixture.linear->merged_weight();
    const auto records = fixture.linear->shrink(dim, index);
    const at::Tensor after = fixture.linear->merged_weight();
    EXPECT_LE(max_difference(after, before.index_select(dim, index)), 1e-6);
    for (const auto& record : records) {
      const auto& parameter = *record.parameter;
      EXPECT_EQ(parameter.value().sizes().vec(), parameter.logical_shape) << parameter.name;
      EXPECT_EQ(parameter.value().requires_grad(), parameter.trainable()) << parameter.name;
    }
    const at::Tensor x = randn("x", {kTokens, after.size(1)});
    const at::Tensor expected = at::linear(x, after, fixture.value("bias"));
    EXPECT_LE(max_difference(fixture.linear->forward(x), expected), 1e-5 * largest_entry(expected));
    if (fixture.has("sparse_values")) {
      const at::Tensor flat = fixture.value("sparse_rows").mul(after.size(1)).add(fixture.value("sparse_cols"));
      EXPECT_EQ(flat.numel(), fixture.value("sparse_values").numel());
      for (int64_t k = 1; k < flat.numel(); ++k) EXPECT_LT(flat[k - 1].item<int64_t>(), flat[k].item<int64_t>());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, Adapters,
                         testing::Values(Case{"low_rank", 0}, Case{"sparse_delta", 6}, Case{"sparse_delta", 400},
                                         Case{"low_rank_sparse", 6}, Case{"low_rank_sparse", 64},
                                         Case{"low_rank_sparse", 400}));

TEST(Adapter, ShrinksToNoEntryAtAll) {
  Fixture fixture("low_rank_sparse", 2);  // both places lie in row 0
  fixture.linear->shrink(0, at::tensor({5, 6}, at::kLong));
  EXPECT_EQ(fixture.value("sparse_values").numel(), 0);
  at::Tensor x = randn("x", {kTokens, kIn}).set_requires_grad(true);
  fixture.linear->forward(x).sum().backward();
  EXPECT_EQ(fixture.value("sparse_values").grad().numel(), 0);
  EXPECT_GT(largest_entry(fixture.value("lora_U").grad()), 0.0);
}

TEST(Adapter, AnAssignedSupportIsSeenAtOnce) {
  Fixture fixture("sparse_delta", 6);
  const at::NoGradGuard no_grad;
  fixture.table.at("layer.sparse_rows").set_value(at::tensor({7}, at::kLong));
  fixture.table.at("layer.sparse_cols").set_value(at::tensor({9}, at::kLong));
  fixture.table.at("layer.sparse_values").set_value(at::tensor({3.0F}).set_requires_grad(true));
  const at::Tensor delta = fixture.linear->adapter()->delta();
  EXPECT_EQ(delta[7][9].item<float>(), 2.25F);
  EXPECT_EQ(delta.abs().sum().item<float>(), 2.25F);
}

/// A run that is resumed after a prune: attach's stand-in support is shrunk, then the checkpoint's values are put in.
TEST(Adapter, TakesTheShapesOfACheckpoint) {
  Fixture saved("low_rank_sparse", 64), resumed("low_rank_sparse", 12);
  const at::Tensor rows = at::tensor({2, 3, 4, 11, 20}, at::kLong);
  saved.linear->shrink(0, rows);
  resumed.linear->shrink(0, rows);
  ASSERT_NE(saved.value("sparse_values").numel(), resumed.value("sparse_values").numel());
  resumed.linear->adapter()->take_shapes([&](const std::string& name) { return saved.table.at(name).value(); });
  {
    const at::NoGradGuard no_grad;
    for (const auto& parameter : resumed.table) parameter->value().copy_(saved.table.at(parameter->name).value());
  }
  EXPECT_EQ(resumed.table.at("layer.sparse_rows").logical_shape, saved.table.at("layer.sparse_rows").logical_shape);
  EXPECT_TRUE(resumed.value("sparse_values").requires_grad());
  EXPECT_FALSE(resumed.value("sparse_rows").requires_grad());
  EXPECT_EQ(max_difference(resumed.linear->merged_weight(), saved.linear->merged_weight()), 0.0);
}

TEST(Adapter, FrozenOnesStillAddTheirUpdate) {
  Fixture fixture("low_rank_sparse", 6);
  const at::Tensor expected = fixture.reference_delta().detach();
  for (const auto& parameter : fixture.linear->adapter()->parameters())
    if (parameter->trainable()) fixture.table.set_role(*parameter, Role::frozen);
  fixture.table.set_frozen_dtype(at::kBFloat16);
  EXPECT_LE(max_difference(fixture.linear->adapter()->delta(), expected), 2e-2 * largest_entry(expected));
  const at::Tensor y = fixture.linear->forward(randn("x", {kTokens, kIn}, at::kBFloat16));
  EXPECT_FALSE(y.requires_grad());
}

/// Method full under an unstructured mask: the forward pass uses mask * W, so that masked entries get no gradient.
TEST(Mask, OfATrainableWeightMasksItsGradient) {
  nn::ParameterTable table;
  nn::Linear linear("layer", table.add("layer.weight", randn("w", {kOut, kIn}), Role::trainable), nullptr);
  const at::Tensor mask = randn("m", {kOut, kIn}).gt(0).to(at::kByte);
  linear.set_mask(table.add("layer.mask", mask, Role::mask));
  linear.forward(randn("x", {kTokens, kIn})).sum().backward();
  const at::Tensor gradient = table.at("layer.weight").value().grad();
  EXPECT_EQ(largest_entry(gradient.mul(mask.eq(0))), 0.0);
  EXPECT_GT(gradient.mul(mask).abs().gt(0).sum().item<int64_t>(), mask.sum().item<int64_t>() / 2);
  EXPECT_EQ(largest_entry(linear.merged_weight().mul(mask.eq(0))), 0.0);
}

}  // namespace
}  // namespace filigree::adapt
