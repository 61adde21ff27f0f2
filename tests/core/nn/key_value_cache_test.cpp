// The cache against causal attention over the whole sequences, written out in double: prompts, later tokens, reordered
// sequences, several layers, and passes that do not fit.
//
// labels: unit
#include "core/nn/key_value_cache.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/error.h"
#include "tests/support/compare.h"

namespace filigree::nn {
namespace {

using test::max_difference;
using test::randn;

constexpr int64_t kHeads = 2, kHeadSize = 3, kChannels = kHeads * kHeadSize;

/// Queries, keys and values [L, H*d] of one sequence in one layer.
struct Sequence {
  at::Tensor q, k, v;
  int64_t length() const { return q.size(0); }
  Sequence first(int64_t n) const { return {q.slice(0, 0, n), k.slice(0, 0, n), v.slice(0, 0, n)}; }
};

Sequence sequence(const std::string& name, int64_t length) {
  const auto part = [&](const char* which) { return randn(name + which, {length, kChannels}); };
  return {part("q"), part("k"), part("v")};
}

Sequence joined(const Sequence& a, const Sequence& b) {
  return {at::cat({a.q, b.q}), at::cat({a.k, b.k}), at::cat({a.v, b.v})};
}

/// out[h] = sum_{j <= last} p_j v_j[h],   p = softmax_j(q_last[h] k_j[h] / sqrt(d)):  the output of the last token.
at::Tensor attended_last(const Sequence& whole) {
  const int64_t last = whole.length() - 1;
  const at::Tensor out = at::zeros({kChannels}, at::kDouble);
  for (int64_t h = 0; h < kHeads; ++h) {
    std::vector<double> weight;
    double sum = 0;
    for (int64_t j = 0; j <= last; ++j) {
      double score = 0;
      for (int64_t c = h * kHeadSize; c < (h + 1) * kHeadSize; ++c)
        score += whole.q[last][c].item<double>() * whole.k[j][c].item<double>();
      weight.push_back(std::exp(score / std::sqrt(static_cast<double>(kHeadSize))));
      sum += weight.back();
    }
    for (int64_t c = h * kHeadSize; c < (h + 1) * kHeadSize; ++c) {
      double value = 0;
      for (int64_t j = 0; j <= last; ++j) value += weight[static_cast<size_t>(j)] / sum * whole.v[j][c].item<double>();
      out[c].fill_(value);
    }
  }
  return out;
}

ops::AttentionLayout layout(const std::vector<int64_t>& lengths) {
  ops::AttentionLayout packed{{0}, {0, 1}, true};
  for (const int64_t length : lengths) packed.offsets.push_back(packed.offsets.back() + length);
  return packed;
}

/// One pass of a layer with the sequences' new tokens.
at::Tensor attend(KeyValueCache& cache, size_t layer, const std::vector<Sequence>& fresh) {
  std::vector<at::Tensor> q, k, v;
  std::vector<int64_t> lengths;
  for (const Sequence& one : fresh) {
    q.push_back(one.q), k.push_back(one.k), v.push_back(one.v);
    lengths.push_back(one.length());
  }
  return cache.attend(layer, at::cat(q), at::cat(k), at::cat(v), layout(lengths));
}

/// Feeds one new token per sequence to the layer, appends it to `seen` and compares with attention over all of them.
void feed_token(KeyValueCache& cache, size_t layer, std::vector<Sequence>& seen, const std::string& name) {
  std::vector<Sequence> fresh;
  for (size_t b = 0; b < seen.size(); ++b) {
    fresh.push_back(sequence(fmt::format("{} {} {}", name, layer, b), 1));
    seen[b] = joined(seen[b], fresh[b]);
  }
  const at::Tensor out = attend(cache, layer, fresh);
  ASSERT_EQ(out.sizes(), (at::IntArrayRef{static_cast<int64_t>(seen.size()), kChannels}));
  for (size_t b = 0; b < seen.size(); ++b)
    EXPECT_LE(max_difference(out[static_cast<int64_t>(b)], attended_last(seen[b])), 3e-5)
        << name << ", layer " << layer << ", sequence " << b;
}

std::vector<Sequence> prompts(size_t layer) {
  std::vector<Sequence> all;
  for (const int64_t length : {4, 1, 3}) all.push_back(sequence(fmt::format("prompt {} {}", layer, length), length));
  return all;
}

TEST(KeyValueCache, PromptsAreAttendedCausally) {
  KeyValueCache cache(8);
  const std::vector<Sequence> all = prompts(0);
  const at::Tensor out = attend(cache, 0, all);
  int64_t row = 0;
  for (const Sequence& one : all)
    for (int64_t n = 1; n <= one.length(); ++n)
      EXPECT_LE(max_difference(out[row++], attended_last(one.first(n))), 3e-5) << n << " of " << one.length();
  EXPECT_EQ(cache.lengths(), (std::vector<int64_t>{4, 1, 3}));
}

TEST(KeyValueCache, LaterTokensAttendToAllBeforeThemInEachLayer) {
  KeyValueCache cache(8);
  std::vector<std::vector<Sequence>> seen{prompts(0), prompts(1)};
  for (size_t layer = 0; layer < 2; ++layer) attend(cache, layer, seen[layer]);
  for (int64_t step = 1; step <= 4; ++step) {
    for (size_t layer = 0; layer < 2; ++layer) feed_token(cache, layer, seen[layer], fmt::format("step {}", step));
    EXPECT_EQ(cache.lengths(), (std::vector<int64_t>{4 + step, 1 + step, 3 + step})) << "counted once for all layers";
  }
}

/// Beam search: the sequences 2, 0 and 0 go on, then the second of these alone.
TEST(KeyValueCache, SelectedSequencesGoOnFromTheirOwnTokens) {
  KeyValueCache cache(8);
  std::vector<std::vector<Sequence>> seen{prompts(0), prompts(1)};
  for (size_t layer = 0; layer < 2; ++layer) {
    attend(cache, layer, seen[layer]);
  }
  const auto select = [&](const std::vector<int64_t>& from) {
    cache.select(at::tensor(from, at::kLong));
    for (std::vector<Sequence>& sequences : seen) {
      std::vector<Sequence> kept;
      for (const int64_t number : from) kept.push_back(sequences[static_cast<size_t>(number)]);
      sequences = kept;
    }
  };
  select({2, 0, 0});
  EXPECT_EQ(cache.lengths(), (std::vector<int64_t>{3, 4, 4}));
  for (size_t layer = 0; layer < 2; ++layer) feed_token(cache, layer, seen[layer], "after the first selection");
  for (size_t layer = 0; layer < 2; ++layer) feed_token(cache, layer, seen[layer], "the copies differ now");
  select({1});
  EXPECT_EQ(cache.lengths(), std::vector<int64_t>{6});
  for (size_t layer = 0; layer < 2; ++layer) feed_token(cache, layer, seen[layer], "alone");
}

TEST(KeyValueCache, RefusesPassesThatDoNotFit) {
  const auto one = [](int64_t length) { return sequence("x", length); };
  KeyValueCache small(3);
  EXPECT_THROW(attend(small, 0, {one(4)}), InternalError) << "a prompt above the capacity";
  KeyValueCache cache(3);
  attend(cache, 0, {one(2), one(1)});
  EXPECT_THROW(attend(cache, 0, {one(1)}), InternalError) << "a sequence is missing";
  KeyValueCache two(8);
  attend(two, 0, {one(2)});
  EXPECT_THROW(attend(two, 0, {one(2)}), InternalError) << "two tokens after the prompt";
  KeyValueCache full(3);
  attend(full, 0, {one(2), one(1)});
  EXPECT_NO_THROW(attend(full, 0, {one(1), one(1)})) << "the capacity is 3 tokens";
  EXPECT_THROW(attend(full, 0, {one(1), one(1)}), InternalError);
}

/// All heads of this rank may be pruned or on other ranks. The tokens are still counted.
TEST(KeyValueCache, ALayerWithoutHeadsHasNoChannels) {
  KeyValueCache cache(8);
  const at::Tensor none = at::zeros({5, 0}, at::kFloat);
  EXPECT_EQ(cache.attend(0, none, none, none, {{0, 4, 5}, {}, true}).sizes(), (at::IntArrayRef{5, 0}));
  const at::Tensor next = at::zeros({2, 0}, at::kFloat);
  EXPECT_EQ(cache.attend(0, next, next, next, {{0, 1, 2}, {}, true}).sizes(), (at::IntArrayRef{2, 0}));
  EXPECT_EQ(cache.lengths(), (std::vector<int64_t>{5, 2}));
}

}  // namespace
}  // namespace filigree::nn
