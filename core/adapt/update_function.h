#pragma once
// The autograd node behind every adapter's forward pass: y + s (x V^T) U^T + t x S2^T, with its own backward pass.
// The fp32 masters are cast to the compute type once per call; gradients are returned in the masters' type.
//
// With g the gradient of the result, and xv = x V^T, gu = s g U:
//   dy = g,  dx = gu V + t g S2,  dU = s g^T xv,  dV = gu^T x,  dvalues[k] = t sum_i g[i, rows[k]] x[i, cols[k]]
#include <ATen/core/Tensor.h>

#include "core/adapt/sparse_product.h"

namespace filigree::adapt {

/// U [out, r] and V [r, in] are undefined without a low-rank part; sparse.rows is undefined without S2.
struct Update {
  at::Tensor u, v;
  SparseMatrix sparse;
  double scale = 1.0;         ///< s
  double sparse_scale = 1.0;  ///< t
};

/// x: [T, in], y: [T, out], of the same type; y must not be a leaf that requires grad. y is overwritten and returned.
at::Tensor apply_update(const at::Tensor& x, const at::Tensor& y, const Update& update);

/// s U V + t S2, fp32; differentiable in U, V and the values of S2.
at::Tensor dense_update(const Update& update);

}  // namespace filigree::adapt
