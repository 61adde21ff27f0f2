#include "core/adapt/support.h"

#include <ATen/Parallel.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "core/adapt/grebsmo.h"
#include "core/adapt/init.h"
#include "core/error.h"
#include "core/safetensors/safetensors.h"
#include "dist/factory.h"
#include "tests/support/compare.h"

namespace filigree::adapt {
namespace {

using test::max_difference;
using test::randn;

constexpr uint64_t kSeed = 42;  // as in support_reference.py
constexpr int64_t kEntries = 64;

std::vector<int64_t> flat_places(const Support& support, int64_t in) {
  const at::Tensor flat = support.rows.mul(in).add(support.cols);
  const auto* place = flat.const_data_ptr<int64_t>();
  return {place, place + flat.numel()};
}

std::vector<int64_t> numbers(const at::Tensor& tensor) {
  const auto* value = tensor.const_data_ptr<int64_t>();
  return {value, value + tensor.numel()};
}

std::vector<Support> select_alone(const std::vector<Matrix>& matrices, const SupportOptions& options) {
  const auto single = dist::make_single();
  return select_supports(matrices, options, *single);
}

constexpr int64_t kShortPasses = 5;

const std::vector<std::string> kReferenceMatrices = {"random.square", "random.tall", "random.wide", "minilm.0.query",
                                                     "minilm.5.value"};

/// Every pass from the V that the plain version had before it; fp64, as in fp32 an entry at the threshold may fall on
/// either side of it.
void compare_passes(const checkpoint::SafetensorsReader& reference, const std::string& name) {
  const at::Tensor w = reference.read(name + ".weight").to(at::kDouble);
  const int64_t passes = reference.read(name + ".passes").item<int64_t>();
  EXPECT_EQ(grebsmo_passes(w.size(0), w.size(1)), passes) << name;
  for (int64_t k : std::set<int64_t>{0, 1, passes / 2, passes - 1}) {
    const at::Tensor v = reference.read(fmt::format("{}.v.{}", name, k));
    EXPECT_EQ(v.size(0), 1 + 5 * k) << name;
    const GreBsmoPass pass = grebsmo_pass(w, v);
    EXPECT_LE(max_difference(pass.s, reference.read(fmt::format("{}.s.{}", name, k))), 1e-9) << name << " pass " << k;
    // V^T V: the signs of V's rows are the linear algebra's own choice.
    const at::Tensor gram = reference.read(fmt::format("{}.gram.{}", name, k));
    EXPECT_LE(max_difference(at::mm(pass.next_v.t(), pass.next_v), gram), 1e-9 * test::largest_entry(gram))
        << name << " pass " << k;
  }
}

TEST(Support, AgreesWithThePlainPythonVersion) {
  const std::string path = FILIGREE_BINARY_DIR "/support_reference/supports.safetensors";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is missing: the fixture support_reference makes it";
  const auto reference = checkpoint::SafetensorsReader::open(path);
  for (const std::string& name : kReferenceMatrices) {
    if (!reference.contains(name + ".weight")) {
      std::printf("%s: skipped, as the demo backbone was not installed when the reference was made\n", name.c_str());
      continue;
    }
    compare_passes(reference, name);
    const at::Tensor w = reference.read(name + ".weight");
    EXPECT_LE(
        max_difference(normal_values(kSeed, name + ".support", {1, w.size(1)}, 1.0), reference.read(name + ".first_v")),
        1e-6)
        << name;
    const auto grebsmo = select_alone({{name, w, kEntries}}, {SupportKind::grebsmo, 16, kShortPasses, kSeed});
    EXPECT_EQ(flat_places(grebsmo[0], w.size(1)), numbers(reference.read(name + ".grebsmo"))) << name;
    for (const SupportKind kind : {SupportKind::svd, SupportKind::principal}) {
      const auto found = select_alone({{name, w, kEntries}}, {kind, 16, 0, kSeed});
      const std::string key = fmt::format("{}.{}", name, enum_name(kind));
      EXPECT_EQ(flat_places(found[0], w.size(1)), numbers(reference.read(key))) << key;
    }
  }
}

TEST(Support, GreBsmoEndsAtTheRankOfTheWidthRule) {
  EXPECT_EQ(grebsmo_passes(768, 768), 100);
  EXPECT_EQ(grebsmo_passes(384, 384), 50);
  EXPECT_EQ(grebsmo_passes(3072, 768), 100);
  EXPECT_EQ(grebsmo_passes(3, 900), 1);
}

/// More passes than leave N entries: the search stops before, and still gives exactly N places.
TEST(Support, GreBsmoThatRunsOutOfEntriesStopsAndFillsUp) {
  const at::Tensor w = randn("w", {60, 60}).mul_(0.03), v = randn("v", {1, 60});
  const GreBsmoResult greedy = grebsmo(w, v, kEntries, 12);
  EXPECT_LT(greedy.passes, greedy.asked);
  EXPECT_LT(greedy.passes, greedy.asked);
  EXPECT_GE(greedy.nonzeros, kEntries);

  const at::Tensor tiny = randn("tiny", {60, 60}).mul_(1e-4);  // every entry is below the threshold
  const GreBsmoResult none = grebsmo(tiny, v, kEntries, 12);
  EXPECT_EQ(none.passes, 0);
  EXPECT_EQ(none.nonzeros, 0);
  std::vector<std::string> warnings;
  const auto supports =
      select_supports({{"tiny", tiny, kEntries}, {"w", w, kEntries}}, {SupportKind::grebsmo, 16, 12, kSeed},
                      *dist::make_single(), [&](const std::string& message) { warnings.push_back(message); });
  for (const Support& support : supports) EXPECT_EQ(support.rows.numel(), kEntries);
  ASSERT_EQ(warnings.size(), 2U);
  EXPECT_NE(warnings[0].find("tiny: GreBsmo stopped after 0 of 12 passes"), std::string::npos) << warnings[0];
}

TEST(Support, TakesExactlyNAndTheLowerIndexOfATie) {
  EXPECT_EQ(largest(at::tensor({1.0, -3.0, 3.0, 3.0, 2.0}), 2), (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(largest(at::tensor({1.0, 1.0, 1.0, 1.0}), 3), (std::vector<int64_t>{0, 1, 2}));
  EXPECT_EQ(largest(at::tensor({1.0, 1.0}), 0), (std::vector<int64_t>{}));
  EXPECT_EQ(largest(at::tensor({1.0, 2.0}), 2), (std::vector<int64_t>{0, 1}));
}

TEST(Support, MagnitudeAndRandom) {
  at::Tensor w = randn("w", {30, 20});
  w[3][7] = 50.0;
  w[29][19] = -60.0;
  const auto magnitude = select_alone({{"m", w, 2}}, {SupportKind::magnitude, 16, 0, kSeed});
  EXPECT_EQ(flat_places(magnitude[0], 20), (std::vector<int64_t>{67, 599}));

  const auto places = [&](const std::string& name, uint64_t seed) {
    return flat_places(select_alone({{name, w, 40}}, {SupportKind::random, 16, 0, seed})[0], 20);
  };
  EXPECT_EQ(places("m", 1), places("m", 1));
  EXPECT_NE(places("m", 1), places("m", 2));
  EXPECT_NE(places("m", 1), places("n", 1));
  const auto some = places("m", 1);
  EXPECT_EQ(std::set<int64_t>(some.begin(), some.end()).size(), 40U);
}

/// Matrices are shared out over the ranks; their number, and that of threads, changes nothing.
TEST(Support, IsTheSameForAnyNumberOfRanksAndThreads) {
  std::vector<Matrix> matrices;
  for (int i = 0; i < 5; ++i) {
    const std::string name = fmt::format("layer.{}", i);
    matrices.push_back({name, randn(name, {80 + i, 64}).mul_(0.05), kEntries + i});
  }
  const SupportOptions options{SupportKind::grebsmo, 16, 0, kSeed};
  const int threads = at::get_num_threads();
  std::vector<std::vector<int64_t>> expected;
  for (const Support& support : select_alone(matrices, options)) expected.push_back(flat_places(support, 64));
  at::set_num_threads(threads == 1 ? 3 : 1);
  for (size_t i = 0; const Support& support : select_alone(matrices, options))
    EXPECT_EQ(flat_places(support, 64), expected[i++]);
  at::set_num_threads(threads);
  for (int ranks : {2, 3, 7}) {
    std::mutex mutex;
    dist::run_threads(ranks, [&](dist::Communicator& communicator) {
      const auto supports = select_supports(matrices, options, communicator);
      const std::lock_guard lock(mutex);
      for (size_t i = 0; i < supports.size(); ++i)
        EXPECT_EQ(flat_places(supports[i], 64), expected[i]) << ranks << " ranks";
    });
  }
  EXPECT_EQ(at::get_num_threads(), threads);
}

TEST(Support, RefusesWhatCannotBe) {
  EXPECT_THROW(select_alone({{"small", randn("s", {4, 4}), 17}}, {SupportKind::random, 16, 0, 0}), UsageError);
  at::Tensor broken = randn("b", {20, 20});
  broken[3][3] = std::numeric_limits<float>::quiet_NaN();
  try {
    select_alone({{"encoder.query", broken, 10}}, {SupportKind::grebsmo, 16, 0, 0});
    FAIL() << "a NaN went unnoticed";
  } catch (const DataError& error) {
    EXPECT_NE(std::string(error.what()).find("encoder.query"), std::string::npos) << error.what();
  }
}

/// A fault that one rank finds ends the call on every rank.
TEST(Support, EveryRankLearnsOfABrokenMatrix) {
  std::vector<Matrix> matrices = {{"good", randn("g", {20, 20}), 10}, {"bad", randn("b", {20, 20}), 10}};
  matrices[1].weight[0][0] = std::numeric_limits<float>::infinity();
  std::atomic<int> refused{0};
  dist::run_threads(2, [&](dist::Communicator& ranks) {
    try {
      select_supports(matrices, {SupportKind::magnitude, 16, 0, 0}, ranks);
    } catch (const DataError&) {
      ++refused;
    }
  });
  EXPECT_EQ(refused, 2);
}

}  // namespace
}  // namespace filigree::adapt
