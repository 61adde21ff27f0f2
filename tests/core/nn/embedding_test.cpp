// Embedding: lookup, gradient, a vocabulary split over ranks, and a table that is gathered.
//
// labels: unit
#include "core/nn/embedding.h"

#include <ATen/ops/add.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "dist/factory.h"
#include "dist/tensor_parallel.h"
#include "tests/support/compare.h"

namespace filigree::nn {
namespace {

using test::max_difference;
using test::randn;

constexpr int64_t kRows = 7, kColumns = 3;

at::Tensor whole_table() { return randn("table", {kRows, kColumns}); }
at::Tensor numbers() { return at::tensor({4, 0, 6, 4, 3, 0, 2}, at::kLong); }
at::Tensor looked_up() { return at::index_select(whole_table(), 0, numbers()); }

/// The gradient of sum(g lookup): row r is the sum of g[t] over the tokens t with number r.
at::Tensor summed_by_row(const at::Tensor& g) {
  const at::Tensor grad = at::zeros({kRows, kColumns}, at::kDouble), ids = numbers();
  for (int64_t t = 0; t < ids.numel(); ++t) grad[ids[t].item<int64_t>()].add_(g[t]);
  return grad;
}

TEST(Embedding, LooksUpRowsInTheComputeType) {
  ParameterTable table;
  const Embedding embedding(table.add("e.weight", whole_table()));
  EXPECT_TRUE(at::equal(embedding.forward(numbers(), at::kFloat), looked_up()));
  const at::Tensor half = embedding.forward(numbers(), at::kBFloat16);
  EXPECT_EQ(half.scalar_type(), at::kBFloat16);
  EXPECT_TRUE(at::equal(half, looked_up().to(at::kBFloat16)));
}

/// No row is a padding row: row 0 has a gradient like any other. A row that is not used has none.
TEST(Embedding, GradientIsSummedByRow) {
  ParameterTable table;
  const Embedding embedding(table.add("e.weight", whole_table(), Role::trainable));
  const at::Tensor g = randn("g", {7, kColumns});
  at::sum(at::mul(embedding.forward(numbers(), at::kFloat), g)).backward();
  const at::Tensor grad = embedding.weight()->value().grad();
  EXPECT_LE(max_difference(grad, summed_by_row(g)), 1e-6);
  EXPECT_GT(test::largest_entry(grad[0]), 0);
  EXPECT_EQ(test::largest_entry(grad[5]), 0);
}

TEST(Embedding, OutputHookGetsTheRowsInTheComputeType) {
  ParameterTable table;
  Embedding embedding(table.add("e.weight", whole_table()));
  at::ScalarType seen = at::kFloat;
  embedding.output_hook = [&](const at::Tensor& rows) {
    seen = rows.scalar_type();
    return at::mul(rows, 2);
  };
  EXPECT_TRUE(at::equal(embedding.forward(numbers(), at::kBFloat16), at::mul(looked_up().to(at::kBFloat16), 2)));
  EXPECT_EQ(seen, at::kBFloat16);
}

/// Each part has the rows of its own numbers and zeros elsewhere, so the parts sum to the lookup in the whole table.
/// Their gradients are the parts of the whole gradient. The second part has no rows.
TEST(Embedding, PartsOfAVocabularySumToTheWhole) {
  const at::Tensor g = randn("g", {7, kColumns}), grad = summed_by_row(g);
  at::Tensor sum = at::zeros({7, kColumns}, at::kFloat);
  for (const Slice& slice : {Slice{0, 3}, Slice{3, 3}, Slice{3, 7}}) {
    ParameterTable table;
    const Embedding part(table.add("e.weight", whole_table(), Role::trainable, Placement{0, slice}));
    ASSERT_EQ(part.weight()->size(0), slice.size());
    const at::Tensor rows = part.forward(numbers(), at::kFloat), ids = numbers();
    for (int64_t t = 0; t < ids.numel(); ++t) {
      const int64_t id = ids[t].item<int64_t>();
      const bool here = id >= slice.begin && id < slice.end;
      EXPECT_EQ(test::largest_entry(rows[t]) > 0, here) << id;
    }
    sum = at::add(sum, rows.detach());
    if (slice.size() == 0) continue;
    at::sum(at::mul(rows, g)).backward();
    EXPECT_LE(max_difference(part.weight()->value().grad(), grad.narrow(0, slice.begin, slice.size())), 1e-6);
  }
  EXPECT_TRUE(at::equal(sum, looked_up()));
}

TEST(Embedding, RanksSumTheirPartsInTheOutputHook) {
  for (const int ranks : {2, 3}) {
    dist::run_threads(ranks, [](dist::Communicator& tp) {
      ParameterTable table;
      const Placement placement{0, dist::even_part(kRows, tp.rank(), tp.size())};
      Embedding embedding(table.add("e.weight", whole_table(), Role::trainable, placement));
      embedding.output_hook = [&tp](const at::Tensor& rows) { return dist::reduce_from(rows, tp); };
      const at::Tensor rows = embedding.forward(numbers(), at::kFloat);
      EXPECT_TRUE(at::equal(rows, looked_up()));
      const at::Tensor g = randn("g", {7, kColumns});
      at::sum(at::mul(rows, g)).backward();
      const at::Tensor own = summed_by_row(g).narrow(0, placement.slice.begin, placement.slice.size());
      EXPECT_LE(max_difference(embedding.weight()->value().grad(), own), 1e-6);
    });
  }
}

TEST(Embedding, AShardedTableIsGatheredForTheForwardPass) {
  ParameterTable table;
  const Embedding embedding(table.add("e.weight", whole_table()));
  std::vector<bool> requests;
  embedding.weight()->shard([&](bool backward) {
    requests.push_back(backward);
    return whole_table();
  });
  EXPECT_TRUE(at::equal(embedding.forward(numbers(), at::kFloat), looked_up()));
  EXPECT_EQ(requests, std::vector<bool>{false});
}

}  // namespace
}  // namespace filigree::nn
