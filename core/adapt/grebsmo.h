#pragma once
// GreBsmo (greedy bilateral decomposition) of one matrix W (out x in) into U V + S + E, as DSEE uses it: only the
// positions of the largest entries of S are kept. See docs/methods.md:
//
//   V := randn(1 x in); then `passes` times
//     S := 0; twice { U := Q of qr((W-S) V^T);  V := U^T (W-S);  S := W - U V with entries |.| < 0.01 set to 0 }
//     E := W - U V - S;  V := [V ; first 5 rows of R of qr(E)]
//
// so pass k (0-based) works at rank 1 + 5k. By default the passes end at about 0.65 of the full rank. If S
// would have fewer than `entries` nonzeros, the search stops at the previous pass.
//
// The threshold makes the iteration chaotic: after about ten passes, one changed last bit changes most of the
// positions, in fp64 as well. So one rank runs it in fp32 on the CPU, and all ranks use its result. With one
// thread per matrix (see support.cpp) the result is the same for any number of ranks and threads.
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace filigree::adapt {

struct GreBsmoResult {
  at::Tensor residual;   ///< W - U V of the last good pass, fp32 [out, in]: S before its small entries are dropped
  int64_t passes = 0;    ///< number of good passes: S had at least `entries` nonzeros
  int64_t asked = 0;     ///< number of requested passes
  int64_t nonzeros = 0;  ///< of S after the last good pass
};

struct GreBsmoPass {
  at::Tensor residual;  ///< W - U V
  at::Tensor s;         ///< residual without its small entries
  at::Tensor next_v;    ///< V of the next pass
};

/// One pass starting from V [rank, in], in the weight's type.
GreBsmoPass grebsmo_pass(const at::Tensor& weight, const at::Tensor& v);

/// round(0.65 min(out, in) / 5), at least 1.
int64_t grebsmo_passes(int64_t out, int64_t in);

/// first_v: [1, in]; passes 0: grebsmo_passes(). The number of passes is capped so that the rank fits the matrix.
GreBsmoResult grebsmo(const at::Tensor& weight, const at::Tensor& first_v, int64_t entries, int64_t passes = 0);

}  // namespace filigree::adapt
