#pragma once
// Products with a sparse matrix S of N entries (rows[k], cols[k], values[k]) of shape [out, in], for packed
// activations:
//
//   add_product          y += scale * x S^T                      x: [T, in], y: [T, out]
//   value_gradients      g_k = scale * sum_t y[t, rows[k]] x[t, cols[k]]    (y: the gradient of the product)
//
// For few entries: each is visited, by a custom kernel on the CPU, by two skinny products on other devices, so that no
// atomic addition makes the result vary between runs. With many entries (is_dense), a GEMM with W + S costs less. The
// summation order does not depend on the number of threads. x and y are contiguous and have the same floating-point
// type; values may have another. rows, cols: int64 [N] on the tensors' device.
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace filigree::adapt {

struct SparseMatrix {
  at::Tensor rows, cols, values;
  int64_t out = 0;
  int64_t in = 0;

  int64_t entries() const { return rows.numel(); }
  SparseMatrix transposed() const { return {cols, rows, values, in, out}; }
};

enum class SparseRoute { entrywise, skinny };

/// The route on this device.
SparseRoute route_on(at::Device device);

/// Whether a dense product costs less than visiting that many entries of an out x in matrix.
bool is_dense(int64_t entries, int64_t out, int64_t in, at::Device device);

void add_product(at::Tensor& y, const at::Tensor& x, const SparseMatrix& matrix, double scale, SparseRoute route);

/// [N], in the type of matrix.values.
at::Tensor value_gradients(const at::Tensor& y, const at::Tensor& x, const SparseMatrix& matrix, double scale,
                           SparseRoute route);

}  // namespace filigree::adapt
