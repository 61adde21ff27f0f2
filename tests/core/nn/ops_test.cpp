// The fused CPU kernels against the ATen paths that serve other devices, and what dropout promises about its masks.
#include <ATen/Context.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/add.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/max.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/ne.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/sub.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <fmt/format.h>
#include <cmath>

#include "core/nn/ops/activation.h"
#include "core/nn/ops/attention.h"
#include "core/nn/ops/dropout.h"
#include "core/nn/ops/loss.h"
#include "core/nn/ops/norm.h"
#include "core/random.h"

namespace filigree::nn::ops {
namespace {

at::Tensor normal(const std::vector<int64_t>& shape, const char* name, at::ScalarType type = at::kFloat) {
  at::Tensor x = at::zeros(shape, at::TensorOptions(at::kFloat));
  auto* out = x.mutable_data_ptr<float>();
  for (int64_t i = 0; i < x.numel(); ++i) {
    out[i] = static_cast<float>(random::normal(random::stream(1, name), static_cast<uint64_t>(i)));
  }
  return x.to(type);
}

at::Tensor leaf(const at::Tensor& x) { return x.detach().clone().set_requires_grad(true); }

double distance(const at::Tensor& a, const at::Tensor& b) {
  EXPECT_EQ(a.sizes(), b.sizes());
  return a.numel() == 0 ? 0 : at::max(at::abs(at::sub(a.to(at::kFloat), b.to(at::kFloat)))).item<double>();
}

data::Batch batch_of(const std::vector<int64_t>& samples, const std::vector<int64_t>& lengths) {
  data::Batch batch;
  batch.samples = samples;
  batch.offsets = {0};
  for (int64_t length : lengths) batch.offsets.push_back(batch.offsets.back() + length);
  batch.ids = at::zeros({batch.tokens()}, at::TensorOptions(at::kLong));
  return batch;
}

class Ops : public testing::TestWithParam<at::ScalarType> {
 protected:
  /// Rounding of one result: the paths round at different places.
  double tolerance() const { return GetParam() == at::kFloat ? 2e-5 : 4e-2; }
};

// ---- dropout
// ------------------------------------------------------------------------------------------------------------

TEST_P(Ops, DropoutKernelHasTheBitsOfTheAtenPath) {
  const data::Batch batch = batch_of({3, 900, 41}, {4, 1, 9});
  const Dropout site{token_keys(batch, 42, 7), 5, 0.1};
  for (int64_t channels : {1, 16, 36, 77}) {
    const at::Tensor x = normal({batch.tokens(), channels}, "x", GetParam());
    EXPECT_TRUE(at::equal(dropout(x, site), dropout_by_aten(x, site))) << channels;
  }
}

TEST_P(Ops, DropoutBackwardUsesTheSameMask) {
  const data::Batch batch = batch_of({0, 1}, {20, 30});
  const Dropout site{token_keys(batch, 1, 0), 3, 0.5};
  const at::Tensor x = leaf(at::ones({50, 40}, at::TensorOptions(GetParam())));
  const at::Tensor y = dropout(x, site);
  at::sum(y).backward();
  EXPECT_TRUE(at::equal(x.grad(), y));
}

TEST(Dropout, SplitAndOrderOfABatchDoNotChangeTheMasks) {
  const data::Batch both = batch_of({17, 4}, {6, 3}), first = batch_of({17}, {6}), swapped = batch_of({4, 17}, {3, 6});
  const auto masked = [](const data::Batch& batch) {
    return dropout(at::ones({batch.tokens(), 33}, at::TensorOptions(at::kFloat)), {token_keys(batch, 9, 2), 1, 0.3});
  };
  const at::Tensor whole = masked(both), other = masked(swapped);
  EXPECT_TRUE(at::equal(whole.slice(0, 0, 6), masked(first)));
  EXPECT_TRUE(at::equal(whole.slice(0, 0, 6), other.slice(0, 3, 9)));
  EXPECT_TRUE(at::equal(whole.slice(0, 6, 9), other.slice(0, 0, 3)));
}

TEST(Dropout, StepSeedSiteAndSampleEachGiveAnotherMask) {
  const data::Batch batch = batch_of({0}, {8}), other = batch_of({1}, {8});
  const auto mask = [](const data::Batch& b, uint64_t seed, int64_t step, uint64_t site) {
    return keep_mask(row_keys(token_keys(b, seed, step), site), 64, Dropout{{}, 0, 0.5}.threshold());
  };
  const at::Tensor base = mask(batch, 1, 1, 1);
  for (const at::Tensor& changed :
       {mask(batch, 2, 1, 1), mask(batch, 1, 2, 1), mask(batch, 1, 1, 2), mask(other, 1, 1, 1)}) {
    EXPECT_NEAR(at::mean(at::ne(base, changed).to(at::kFloat)).item<double>(), 0.5, 0.1);
  }
}

TEST(Dropout, IsExactInExpectation) {
  std::vector<int64_t> samples(200), lengths(200, 20);
  for (size_t i = 0; i < samples.size(); ++i) samples[i] = static_cast<int64_t>(i);
  const data::Batch batch = batch_of(samples, lengths);
  for (double p : {0.1, 0.5}) {
    const at::Tensor y = dropout(at::ones({4000, 300}, at::TensorOptions(at::kFloat)), {token_keys(batch, 3, 4), 2, p});
    const auto bound = [&](double n) { return 5 * std::sqrt(p / (1 - p) / n); };  // 5 sigma of the mean of n terms
    EXPECT_NEAR(at::mean(y).item<double>(), 1, bound(4000 * 300.0)) << p;
    EXPECT_NEAR(at::max(at::mean(y, 0)).item<double>(), 1, bound(4000)) << "a channel is favoured, p = " << p;
    EXPECT_NEAR(at::max(at::mean(y, 1)).item<double>(), 1, bound(300)) << "a token is favoured, p = " << p;
    const at::Tensor pairs = at::mul(at::sub(y.slice(1, 0, 299), 1), at::sub(y.slice(1, 1, 300), 1));
    EXPECT_NEAR(at::mean(pairs).item<double>(), 0, bound(4000 * 299.0)) << "neighbours are correlated, p = " << p;
  }
}

// ---- attention
// ----------------------------------------------------------------------------------------------------------

struct Attended {
  at::Tensor out, q, k, v;
};

template <class Op>
Attended attend(Op op, at::ScalarType type, int64_t heads, int64_t head_size, const data::Batch& batch, double p,
                bool causal) {
  std::vector<int64_t> numbers;
  for (int64_t h = 0; h < heads; ++h) numbers.push_back(2 * h + 1);
  const std::vector<int64_t> shape{batch.tokens(), heads * head_size};
  const at::Tensor q = leaf(normal(shape, "q", type)), k = leaf(normal(shape, "k", type)),
                   v = leaf(normal(shape, "v", type));
  const at::Tensor out = op(q, k, v, {batch.offsets, numbers, causal}, Dropout{token_keys(batch, 1, 2), 3, p});
  at::sum(at::mul(out.to(at::kFloat), normal(shape, "g"))).backward();
  return {out, q.grad(), k.grad(), v.grad()};
}

TEST_P(Ops, AttentionKernelEqualsThePaddedPath) {
  const data::Batch batch = batch_of({5, 6, 7, 8, 9}, {17, 1, 40, 2, 100});
  for (const auto& [heads, head_size] : {std::pair{3, 12}, {1, 36}, {2, 64}, {12, 32}}) {
    for (const auto& [p, causal] : {std::pair{0.0, false}, {0.3, false}, {0.0, true}, {0.3, true}}) {
      const Attended fused = attend(attention, GetParam(), heads, head_size, batch, p, causal);
      const Attended padded = attend(padded_attention, GetParam(), heads, head_size, batch, p, causal);
      const std::string at = fmt::format("{} x {}, p = {}, causal {}", heads, head_size, p, causal);
      EXPECT_LE(distance(fused.out, padded.out), tolerance()) << at;
      EXPECT_LE(distance(fused.q, padded.q), tolerance()) << at;
      EXPECT_LE(distance(fused.k, padded.k), tolerance()) << at;
      EXPECT_LE(distance(fused.v, padded.v), tolerance()) << at;
    }
  }
}

TEST(Attention, CausalTokensSeeNothingThatComesLater) {
  const at::Tensor q = normal({40, 16}, "q"), k = normal({40, 16}, "k"), v = normal({40, 16}, "v");
  const at::Tensor whole = attention(q, k, v, {{0, 40}, {0, 1}, true}, {});
  for (const int64_t n : {1, 15, 16, 17, 39}) {
    const auto first = [&](const at::Tensor& x) { return x.slice(0, 0, n); };
    EXPECT_LE(distance(first(whole), attention(first(q), first(k), first(v), {{0, n}, {0, 1}, true}, {})), 1e-6) << n;
  }
}

TEST(Attention, PruningAHeadLeavesTheOthersMasks) {
  const data::Batch batch = batch_of({1, 2}, {9, 14});
  const Dropout site{token_keys(batch, 1, 1), 2, 0.4};
  const at::Tensor q = normal({23, 24}, "q"), k = normal({23, 24}, "k"), v = normal({23, 24}, "v");
  const at::Tensor all = attention(q, k, v, {batch.offsets, {0, 1, 2}}, site);
  const at::Tensor left = at::cat({at::arange(0, 8), at::arange(16, 24)});
  const auto pick = [&](const at::Tensor& x) { return x.index_select(1, left); };
  EXPECT_TRUE(at::equal(attention(pick(q), pick(k), pick(v), {batch.offsets, {0, 2}}, site), pick(all)));
}

TEST(Attention, TakesSlicesOfAWiderTensorAndNoHeads) {
  const data::Batch batch = batch_of({1, 2}, {3, 4});
  const at::Tensor joint = normal({7, 36}, "qkv");
  const auto part = [&](int64_t i) { return joint.slice(1, 12 * i, 12 * (i + 1)); };
  const at::Tensor out = attention(part(0), part(1), part(2), {batch.offsets, {0, 1}}, {});
  EXPECT_LE(distance(out, padded_attention(part(0), part(1), part(2), {batch.offsets, {0, 1}}, {})), 1e-6);
  const at::Tensor none = at::zeros({7, 0}, at::TensorOptions(at::kFloat));
  EXPECT_EQ(attention(none, none, none, {batch.offsets, {}}, {}).sizes(), none.sizes());
}

// ---- activation, norm, loss
// ---------------------------------------------------------------------------------------------

TEST_P(Ops, GeluIsAtens) {
  const at::Tensor points = at::linspace(-12, 12, 2001).to(GetParam());
  const at::Tensor x = leaf(points), y = leaf(points);
  const at::Tensor mine = activate(x, Activation::gelu), theirs = at::gelu(y);
  // bf16: both round the same fp32 value, rarely to neighbours.
  EXPECT_LE(distance(mine, theirs), GetParam() == at::kFloat ? 1e-6 : 3.2e-2);
  at::sum(mine).backward();
  at::sum(theirs).backward();
  EXPECT_LE(distance(x.grad(), y.grad()), GetParam() == at::kFloat ? 1e-6 : 1e-2);
}

TEST_P(Ops, ResidualNormEqualsItsParts) {
  const data::Batch batch = batch_of({2, 3}, {5, 8});
  for (int64_t channels : {36, 64}) {
    const Dropout site{token_keys(batch, 1, 1), 4, 0.2};
    const std::vector<int64_t> shape{13, channels};
    const auto run = [&](bool fused) {
      const at::Tensor x = leaf(normal(shape, "x", GetParam())), r = leaf(normal(shape, "r", GetParam()));
      const at::Tensor gain = leaf(normal({channels}, "gain")), bias = leaf(normal({channels}, "bias"));
      const at::Tensor out = fused ? residual_layer_norm(x, r, gain, bias, 1e-12, site)
                                   : layer_norm(at::add(dropout_by_aten(x, site), r), gain, bias, 1e-12);
      at::sum(at::mul(out.to(at::kFloat), normal(shape, "g"))).backward();
      return std::vector<at::Tensor>{out, x.grad(), r.grad(), gain.grad(), bias.grad()};
    };
    const auto fused = run(true), parts = run(false);
    for (size_t i = 0; i < fused.size(); ++i) {
      EXPECT_LE(distance(fused[i], parts[i]), (i < 3 ? 1 : 4) * tolerance()) << "result " << i << ", " << channels;
    }
  }
}

TEST(Loss, SumsAndLeavesOutIgnoredRows) {
  const at::Tensor logits = leaf(normal({4, 3}, "logits"));
  const at::Tensor labels = at::tensor(std::vector<int64_t>{2, kIgnoredLabel, 0, 1}, at::kLong);
  const at::Tensor loss = cross_entropy(logits, labels);
  const at::Tensor logp = at::log_softmax(logits, 1);
  const double expected = -(logp[0][2].item<double>() + logp[2][0].item<double>() + logp[3][1].item<double>());
  EXPECT_NEAR(loss.item<double>(), expected, 1e-6);
  const at::Tensor square =
      squared_error(at::tensor(std::vector<double>{1.0, 4.0}).unsqueeze(1), at::tensor(std::vector<double>{3.0, 3.5}));
  EXPECT_NEAR(square.item<double>(), 4.25, 1e-6);
}

INSTANTIATE_TEST_SUITE_P(Types, Ops, testing::Values(at::kFloat, at::kBFloat16),
                         [](const auto& type) { return type.param == at::kFloat ? "fp32" : "bf16"; });

// ---- the other device
// ---------------------------------------------------------------------------------------------------

TEST(Cuda, PathsAgreeWithTheCpuKernels) {
  if (!at::hasCUDA()) GTEST_SKIP() << "no CUDA device";
  data::Batch batch = batch_of({5, 6, 7}, {17, 1, 40});
  const at::Tensor q = normal({58, 24}, "q"), k = normal({58, 24}, "k"), v = normal({58, 24}, "v");
  const Dropout here{token_keys(batch, 1, 2), 3, 0.3};
  const Dropout there{here.keys.to(at::kCUDA), 3, 0.3};
  EXPECT_TRUE(at::equal(dropout(q, here), dropout(q.to(at::kCUDA), there).cpu()));
  const at::Tensor cpu = attention(q, k, v, {batch.offsets, {0, 4}}, here);
  const at::Tensor cuda = attention(q.to(at::kCUDA), k.to(at::kCUDA), v.to(at::kCUDA), {batch.offsets, {0, 4}}, there);
  EXPECT_LE(distance(cpu, cuda.cpu()), 1e-4);
}

}  // namespace
}  // namespace filigree::nn::ops
