// labels: unit
// The zeros of mask * W0 + D.
#include "core/prune/merged_sparsity.h"

#include <gtest/gtest.h>

#include <memory>

#include "core/prune/inspect.h"
#include "core/prune/unstructured.h"
#include "dist/factory.h"
#include "tests/support/toy_model.h"

namespace filigree::prune {
namespace {

using test::DenseAdapter;
using test::ToyModel;

TEST(MergedSparsity, AnUpdateFillsTheZerosOfItsMatrixAlone) {
  const auto single = dist::make_single();
  ToyModel model;
  prune_weights(model, select_linears(model, {}), {0.5, false, {}}, *single);
  EXPECT_NEAR(sparsity(model, *single), 0.5, 1e-3);
  EXPECT_FALSE(merged_sparsity(model, *single)) << "there is no update";
  nn::Linear& query = model.linear(0, ToyModel::query);
  query.set_adapter(std::make_shared<DenseAdapter>(model, query, 3));
  const auto merged = merged_sparsity(model, *single);
  ASSERT_TRUE(merged);
  // 12 x 12 of 2 x (4 x 144 + 2 x 120) entries have no zeros any more.
  EXPECT_NEAR(*merged, sparsity(model, *single) - 0.5 * 144 / 1632, 1e-9);
}

}  // namespace
}  // namespace filigree::prune
