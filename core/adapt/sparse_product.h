#pragma once
// Products with a sparse matrix S of N entries (rows[k], cols[k], values[k]) of shape [out, in], for packed
// activations:
//
//   add_product          y += scale * x S^T                      x: [T, in], y: [T, out]
//   value_gradients      g_k = scale * sum_t y[t, rows[k]] x[t, cols[k]]    (y: the gradient of the product)
//
// With few entries, each entry is visited: by a custom kernel on the CPU, by two skinny products on other devices, so
// that no atomic addition makes the result vary between runs. With many, S is written out densely and a GEMM is used.
// The summation order does not depend on the number of threads. x and y are contiguous and have the same floating-point
// type; values may have another. rows, cols: int64 [N] on the tensors' device.
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace filigree::adapt {

struct SparseMatrix {
  at::Tensor rows, cols, values;
  int64_t out = 0;
  int64_t in = 0;

  int64_t entries() const { return rows.numel(); }
  at::Tensor dense(double scale, at::ScalarType dtype) const;  ///< scale * S, [out, in]
  SparseMatrix transposed() const { return {cols, rows, values, in, out}; }
};

enum class SparseRoute { automatic, entrywise, skinny, dense };

/// The cheapest route for the matrix on this device.
SparseRoute choose_route(const SparseMatrix& matrix, at::Device device);

void add_product(at::Tensor& y, const at::Tensor& x, const SparseMatrix& matrix, double scale,
                 SparseRoute route = SparseRoute::automatic);

/// [N], in the type of matrix.values.
at::Tensor value_gradients(const at::Tensor& y, const at::Tensor& x, const SparseMatrix& matrix, double scale,
                           SparseRoute route = SparseRoute::automatic);

}  // namespace filigree::adapt
