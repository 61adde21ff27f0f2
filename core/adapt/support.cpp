#include "core/adapt/support.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/linalg_svd.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/sub.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <iostream>
#include <mutex>
#include <numeric>
#include <thread>

#include "core/adapt/grebsmo.h"
#include "core/adapt/init.h"
#include "core/counted.h"
#include "core/error.h"

namespace filigree::adapt {
namespace {

/// Result of one search: flat positions and, for GreBsmo, the passes done and requested.
struct Found {
  std::vector<int64_t> places;
  int64_t passes = 0, asked = 0;
};

at::Tensor svd_residual(const at::Tensor& weight, int64_t rank) {
  const at::Tensor w = weight.to(at::kDouble);
  const auto [u, s, vh] = at::linalg_svd(w, /*full_matrices=*/false);
  const int64_t r = std::min(rank, s.size(0));
  return at::sub(w, at::mm(at::mul(u.narrow(1, 0, r), s.narrow(0, 0, r)), vh.narrow(0, 0, r)));
}

Found search(const Matrix& matrix, const SupportOptions& options) {
  const at::NoGradGuard no_grad;
  const at::Tensor w = matrix.weight.detach().to(at::kCPU, at::kFloat).contiguous();
  if (!at::isfinite(w).all().item<bool>())
    throw DataError(fmt::format("{}.weight contains NaN or infinity: the model's files are damaged", matrix.name));
  const std::string stream = matrix.name + ".support";
  Found found;
  if (options.kind == SupportKind::grebsmo) {
    const GreBsmoResult result =
        grebsmo(w, normal_values(options.seed, stream, {1, w.size(1)}, 1.0), options.entries, options.passes);
    found.passes = result.passes;
    found.asked = result.asked;
    found.places = largest(result.residual, options.entries);
  } else if (options.kind == SupportKind::random) {
    found.places = largest(normal_values(options.seed, stream, w.sizes().vec(), 1.0), options.entries);
  } else if (options.kind == SupportKind::magnitude) {
    found.places = largest(w, options.entries);
  } else {
    found.places = largest(svd_residual(w, options.rank), options.entries);
  }
  return found;
}

/// Runs body(i) for i = first, first + stride, ... < count on all threads of this rank. Each thread uses one
/// thread for linear algebra, so results do not depend on the number of threads.
template <class Body>
void for_each_matrix(size_t first, size_t stride, size_t count, const Body& body) {
  const int threads = at::get_num_threads();
  std::atomic<size_t> next{first};
  std::exception_ptr failure;
  std::mutex failure_mutex;
  const auto work = [&] {
    at::get_num_threads();  // a thread's first query initializes its count from the process: query before setting
    at::set_num_threads(1);
    for (size_t i = next.fetch_add(stride); i < count; i = next.fetch_add(stride)) {
      try {
        body(i);
      } catch (...) {
        const std::lock_guard lock(failure_mutex);
        if (!failure) failure = std::current_exception();
      }
    }
  };
  std::vector<std::thread> workers;
  for (int i = 0; i < threads; ++i) workers.emplace_back(work);
  for (std::thread& worker : workers) worker.join();
  at::set_num_threads(threads);  // the setting is partly process-wide: restore it
  if (failure) std::rethrow_exception(failure);
}

void check_sizes(const std::vector<Matrix>& matrices, int64_t entries) {
  for (const Matrix& matrix : matrices) {
    if (matrix.weight.numel() < entries)
      throw UsageError(fmt::format("num_sparse: {} entries are requested, but {} has only {}", entries, matrix.name,
                                   matrix.weight.numel()));
  }
}

std::string exhausted(const Matrix& matrix, int64_t entries, int64_t passes, int64_t asked) {
  return fmt::format("{}: GreBsmo stopped after {} of {}: one more would leave fewer than {} in S", matrix.name, passes,
                     counted(asked, "pass"), counted(entries, "entry", "entries"));
}

/// One row per matrix: positions, passes done, passes requested, error flag. Each rank fills its rows; the sum has all.
at::Tensor search_all(const std::vector<Matrix>& matrices, const SupportOptions& options, dist::Communicator& ranks) {
  const auto count = static_cast<int64_t>(matrices.size());
  const at::Tensor table = at::zeros({count, options.entries + 3}, at::kLong);
  auto* cell = table.mutable_data_ptr<int64_t>();
  std::string problem;
  try {
    for_each_matrix(static_cast<size_t>(ranks.rank()), static_cast<size_t>(ranks.size()), matrices.size(),
                    [&](size_t i) {
                      const Found found = search(matrices[i], options);
                      int64_t* row = cell + static_cast<int64_t>(i) * (options.entries + 3);
                      std::copy(found.places.begin(), found.places.end(), row);
                      row[options.entries] = found.passes;
                      row[options.entries + 1] = found.asked;
                    });
  } catch (const DataError& error) {
    problem = error.what();
    cell[options.entries + 2] = 1;  // sent to all, so that no rank waits for this one
  }
  ranks.all_reduce(table);
  if (table.const_data_ptr<int64_t>()[options.entries + 2] == 0) return table;
  throw DataError(problem.empty() ? "another rank found a weight with NaN or infinity" : problem);
}

}  // namespace

std::vector<Support> select_supports(const std::vector<Matrix>& matrices, const SupportOptions& options,
                                     dist::Communicator& ranks, const std::function<void(const std::string&)>& warn) {
  if (matrices.empty()) return {};
  check_sizes(matrices, options.entries);
  const at::Tensor table = search_all(matrices, options, ranks);
  std::vector<Support> supports;
  for (size_t i = 0; i < matrices.size(); ++i) {
    const at::Tensor row = table.select(0, static_cast<int64_t>(i));
    const at::Tensor places = row.narrow(0, 0, options.entries);
    const auto* state = row.const_data_ptr<int64_t>() + options.entries;
    if (ranks.rank() == 0 && state[0] < state[1]) {
      const std::string message = exhausted(matrices[i], options.entries, state[0], state[1]);
      if (warn)
        warn(message);
      else
        std::cerr << fmt::format("warning: {}\n", message);
    }
    const int64_t in = matrices[i].weight.size(1);
    supports.push_back({places.floor_divide(in), places.remainder(in)});
  }
  return supports;
}

std::vector<int64_t> largest(const at::Tensor& score, int64_t n) {
  FG_CHECK(n >= 0 && n <= score.numel(), "{} largest of {}", n, score.numel());
  const at::Tensor magnitude = score.detach().abs().to(at::kCPU, at::kDouble).contiguous();
  const auto* value = magnitude.const_data_ptr<double>();
  std::vector<int64_t> order(static_cast<size_t>(magnitude.numel()));
  std::iota(order.begin(), order.end(), int64_t{0});
  const auto cut = order.begin() + n;
  std::nth_element(order.begin(), cut, order.end(),
                   [value](int64_t a, int64_t b) { return value[a] != value[b] ? value[a] > value[b] : a < b; });
  order.resize(static_cast<size_t>(n));
  std::sort(order.begin(), order.end());
  return order;
}

Support first_places(int64_t n, int64_t in) {
  const at::Tensor places = at::arange(n, at::kLong);
  return {places.floor_divide(in), places.remainder(in)};
}

}  // namespace filigree::adapt
