#include "core/adapt/sparse_product.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <set>
#include <tuple>
#include <vector>

#include "tests/support/compare.h"

namespace filigree::adapt {
namespace {

using test::largest_entry;
using test::max_difference;
using test::randn;

/// N different places of an out x in matrix, ascending; several of one row and one column.
SparseMatrix random_matrix(int64_t n, int64_t out, int64_t in, at::ScalarType dtype) {
  std::set<int64_t> places = {0, 1, in, out * in - 1};
  for (uint64_t i = 0; static_cast<int64_t>(places.size()) < n; ++i)
    places.insert(static_cast<int64_t>(random::bits(random::stream(3, "places"), i) % static_cast<uint64_t>(out * in)));
  std::vector<int64_t> rows, cols;
  for (int64_t place : places) rows.push_back(place / in), cols.push_back(place % in);
  return {at::tensor(rows, at::kLong), at::tensor(cols, at::kLong),
          randn("values", {static_cast<int64_t>(rows.size())}, dtype), out, in};
}

at::Tensor dense_by_hand(const SparseMatrix& matrix, double scale) {
  at::Tensor full = at::zeros({matrix.out, matrix.in}, at::kDouble);
  auto* cell = full.mutable_data_ptr<double>();
  const at::Tensor values = matrix.values.to(at::kDouble);
  for (int64_t k = 0; k < matrix.entries(); ++k)
    cell[matrix.rows.const_data_ptr<int64_t>()[k] * matrix.in + matrix.cols.const_data_ptr<int64_t>()[k]] =
        scale * values.const_data_ptr<double>()[k];
  return full;
}

using Case = std::tuple<at::ScalarType, SparseRoute, int64_t>;  // type of the activations, route, entries

class SparseProduct : public testing::TestWithParam<Case> {};

TEST_P(SparseProduct, AgreesWithTheDenseProduct) {
  const auto [dtype, route, n] = GetParam();
  const at::ScalarType master = dtype == at::kDouble ? at::kDouble : at::kFloat;
  const double tolerance = dtype == at::kDouble ? 1e-12 : dtype == at::kFloat ? 2e-6 : 1.2e-2;
  const SparseMatrix matrix = random_matrix(n, 24, 40, master);
  const at::Tensor x = randn("x", {150, 40}, dtype), y0 = randn("y", {150, 24}, dtype),
                   g = randn("g", {150, 24}, dtype);

  at::Tensor y = y0.clone();
  add_product(y, x, matrix, 1.5, route);
  const at::Tensor expected = y0.to(at::kDouble).add(at::mm(x.to(at::kDouble), dense_by_hand(matrix, 1.5).t()));
  EXPECT_LE(max_difference(y, expected), tolerance * largest_entry(expected));

  const at::Tensor gradients = value_gradients(g, x, matrix, 1.5, route);
  const at::Tensor all = at::mm(g.to(at::kDouble).t(), x.to(at::kDouble)).mul_(1.5);
  at::Tensor of_places = at::empty({matrix.entries()}, at::kDouble);
  for (int64_t k = 0; k < matrix.entries(); ++k) of_places[k] = all.index({matrix.rows[k], matrix.cols[k]});
  EXPECT_EQ(gradients.scalar_type(), master);
  EXPECT_LE(max_difference(gradients, of_places), tolerance * largest_entry(of_places));
}

TEST_P(SparseProduct, TransposesIntoTheInputsGradient) {
  const auto [dtype, route, n] = GetParam();
  const double tolerance = dtype == at::kDouble ? 1e-12 : dtype == at::kFloat ? 2e-6 : 1.2e-2;
  const SparseMatrix matrix = random_matrix(n, 24, 40, dtype == at::kDouble ? at::kDouble : at::kFloat);
  const at::Tensor g = randn("g", {150, 24}, dtype);
  at::Tensor dx = randn("dx", {150, 40}, dtype);
  const at::Tensor expected = dx.to(at::kDouble).add(at::mm(g.to(at::kDouble), dense_by_hand(matrix, 0.5)));
  add_product(dx, g, matrix.transposed(), 0.5, route);
  EXPECT_LE(max_difference(dx, expected), tolerance * largest_entry(expected));
}

INSTANTIATE_TEST_SUITE_P(Routes, SparseProduct,
                         testing::Combine(testing::Values(at::kDouble, at::kFloat, at::kBFloat16),
                                          testing::Values(SparseRoute::entrywise, SparseRoute::skinny),
                                          testing::Values<int64_t>(5, 64, 300)));

TEST(SparseProductRoutes, ManyEntriesAreDense) {
  const auto dense = [](int64_t n, at::Device device) { return is_dense(n, 384, 384, device); };
  EXPECT_FALSE(dense(1024, at::kCPU));
  EXPECT_TRUE(dense(1025, at::kCPU));
  EXPECT_FALSE(dense(192, at::kCUDA));
  EXPECT_TRUE(dense(193, at::kCUDA));
  EXPECT_EQ(route_on(at::kCPU), SparseRoute::entrywise);
  EXPECT_EQ(route_on(at::kCUDA), SparseRoute::skinny);
}

TEST(SparseProductRoutes, NothingToDoIsFine) {
  const SparseMatrix none{at::empty({0}, at::kLong), at::empty({0}, at::kLong), at::empty({0}, at::kFloat), 24, 40};
  const at::Tensor before = randn("y", {10, 24});
  at::Tensor y = before.clone();
  add_product(y, randn("x", {10, 40}), none, 1.0, SparseRoute::entrywise);
  EXPECT_EQ(max_difference(y, before), 0.0);
  EXPECT_EQ(value_gradients(y, randn("x", {10, 40}), none, 1.0, SparseRoute::entrywise).numel(), 0);
  const SparseMatrix some = random_matrix(6, 24, 40, at::kFloat);
  const at::Tensor of_no_tokens = value_gradients(at::empty({0, 24}, at::kFloat), at::empty({0, 40}, at::kFloat), some,
                                                  1.0, SparseRoute::entrywise);
  EXPECT_EQ(largest_entry(of_no_tokens), 0.0);
}

TEST(SparseProductRoutes, TheNumberOfThreadsChangesNoBit) {
  const SparseMatrix matrix = random_matrix(64, 96, 128, at::kFloat);
  const at::Tensor x = randn("x", {1000, 128}), g = randn("g", {1000, 96});
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const at::Tensor one = value_gradients(g, x, matrix, 2.0, SparseRoute::entrywise);
  at::set_num_threads(4);
  const at::Tensor four = value_gradients(g, x, matrix, 2.0, SparseRoute::entrywise);
  at::set_num_threads(threads);
  EXPECT_TRUE(one.equal(four));
}

TEST(SparseProductRoutes, TheGpuAgreesWithTheCpu) {
  if (!at::hasCUDA()) GTEST_SKIP() << "no CUDA device here";
  for (int64_t n : {6, 300}) {
    const SparseMatrix matrix = random_matrix(n, 24, 40, at::kFloat);
    const SparseMatrix there{matrix.rows.cuda(), matrix.cols.cuda(), matrix.values.cuda(), 24, 40};
    const at::Tensor x = randn("x", {150, 40}), g = randn("g", {150, 24});
    at::Tensor here_y = g.clone(), there_y = g.cuda();
    add_product(here_y, x, matrix, 2.0, SparseRoute::entrywise);
    add_product(there_y, x.cuda(), there, 2.0, SparseRoute::skinny);
    EXPECT_LE(max_difference(here_y, there_y), 1e-5 * largest_entry(here_y));
    const at::Tensor a = value_gradients(g, x, matrix, 2.0, SparseRoute::entrywise),
                     b = value_gradients(g.cuda(), x.cuda(), there, 2.0, SparseRoute::skinny);
    EXPECT_LE(max_difference(a, b), 1e-5 * largest_entry(a));
  }
}

}  // namespace
}  // namespace filigree::adapt
