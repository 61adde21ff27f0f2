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
#include "core/nn/full_tensor.h"

namespace filigree::adapt {
namespace {

constexpr int64_t kState = 2;  // numbers beside the positions of a matrix in the table of results

/// Result of one search: flat positions and, for GreBsmo, the passes done and requested.
struct Found {
  std::vector<int64_t> places;
  int64_t passes = 0, asked = 0;
};

/// The best approximation of the weight that has this rank, in fp64.
at::Tensor truncation(const at::Tensor& weight, int64_t rank) {
  const auto [u, s, vh] = at::linalg_svd(weight.to(at::kDouble), /*full_matrices=*/false);
  const int64_t r = std::min(rank, s.size(0));
  return at::mm(at::mul(u.narrow(1, 0, r), s.narrow(0, 0, r)), vh.narrow(0, 0, r));
}

/// What `kind` ranks the entries by: the largest magnitudes are chosen.
at::Tensor scores(const at::Tensor& w, const std::string& stream, const SupportOptions& options) {
  switch (options.kind) {
    case SupportKind::random:
      return normal_values(options.seed, stream, w.sizes().vec(), 1.0);
    case SupportKind::svd:
      return at::sub(w.to(at::kDouble), truncation(w, options.rank));
    case SupportKind::principal:
      return truncation(w, options.rank);
    case SupportKind::magnitude:
      return w;
    default:
      throw InternalError(fmt::format("a support '{}' does not follow from the weight", enum_name(options.kind)));
  }
}

Found search(const Matrix& matrix, const SupportOptions& options) {
  const at::NoGradGuard no_grad;
  const at::Tensor w = matrix.weight.detach().to(at::kCPU, at::kFloat).contiguous();
  if (!at::isfinite(w).all().item<bool>()) throw DataError(fmt::format("{}: {}", matrix.name, options.not_finite));
  const std::string stream = matrix.name + ".support";
  Found found;
  if (options.kind == SupportKind::grebsmo) {
    const GreBsmoResult result =
        grebsmo(w, normal_values(options.seed, stream, {1, w.size(1)}, 1.0), matrix.entries, options.passes);
    found.passes = result.passes;
    found.asked = result.asked;
    found.places = largest(result.residual, matrix.entries);
  } else {
    found.places = largest(scores(w, stream, options), matrix.entries);
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

void check_sizes(const std::vector<Matrix>& matrices) {
  for (const Matrix& matrix : matrices) {
    if (matrix.weight.numel() < matrix.entries)
      throw UsageError(fmt::format("num_sparse: {} entries are requested, but {} has only {}", matrix.entries,
                                   matrix.name, matrix.weight.numel()));
  }
}

std::string exhausted(const Matrix& matrix, int64_t passes, int64_t asked) {
  return fmt::format("{}: GreBsmo stopped after {} of {}: one more would leave fewer than {} in S", matrix.name, passes,
                     counted(asked, "pass"), counted(matrix.entries, "entry", "entries"));
}

/// Where the row of each matrix begins in the table of results, and the table's size.
std::vector<int64_t> row_offsets(const std::vector<Matrix>& matrices) {
  std::vector<int64_t> offsets{0};
  for (const Matrix& matrix : matrices) offsets.push_back(offsets.back() + matrix.entries + kState);
  return offsets;
}

/// One row per matrix: positions, passes done, passes requested. The last number is not 0 if a rank met a bad weight.
/// Each rank fills its rows; the sum has all.
at::Tensor search_all(const std::vector<Matrix>& matrices, const SupportOptions& options, dist::Communicator& ranks) {
  const std::vector<int64_t> offsets = row_offsets(matrices);
  const at::Tensor table = at::zeros({offsets.back() + 1}, at::kLong);
  auto* cell = table.mutable_data_ptr<int64_t>();
  std::string problem;
  try {
    for_each_matrix(static_cast<size_t>(ranks.rank()), static_cast<size_t>(ranks.size()), matrices.size(),
                    [&](size_t i) {
                      const Found found = search(matrices[i], options);
                      int64_t* state = std::copy(found.places.begin(), found.places.end(), cell + offsets[i]);
                      state[0] = found.passes;
                      state[1] = found.asked;
                    });
  } catch (const DataError& error) {
    problem = error.what();
    cell[offsets.back()] = 1;  // sent to all, so that no rank waits for this one
  }
  ranks.all_reduce(table);
  if (table.const_data_ptr<int64_t>()[offsets.back()] == 0) return table;
  throw DataError(problem.empty() ? "another rank found a weight with NaN or infinity" : problem);
}

}  // namespace

std::vector<Support> select_supports(const std::vector<Matrix>& matrices, const SupportOptions& options,
                                     dist::Communicator& ranks, const std::function<void(const std::string&)>& warn) {
  if (matrices.empty()) return {};
  check_sizes(matrices);
  const std::vector<int64_t> offsets = row_offsets(matrices);
  const at::Tensor table = search_all(matrices, options, ranks);
  std::vector<Support> supports;
  for (size_t i = 0; i < matrices.size(); ++i) {
    const at::Tensor places = table.narrow(0, offsets[i], matrices[i].entries).clone();
    const auto* state = table.const_data_ptr<int64_t>() + offsets[i] + matrices[i].entries;
    if (ranks.rank() == 0 && state[0] < state[1]) {
      const std::string message = exhausted(matrices[i], state[0], state[1]);
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

at::Tensor whole_matrix(const at::Tensor& local, const nn::Linear& linear, bool mine, dist::Communicator& tp) {
  if (tp.size() == 1) return local;
  const at::Tensor whole = nn::full_tensor(local, linear.weight()->placement, tp);
  return mine ? whole : at::zeros({}, whole.options()).expand(whole.sizes());
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
