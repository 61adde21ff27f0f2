#pragma once
// GreBsmo (greedy bilateral decomposition) of one matrix W (out x in) into U V + S + E, as DSEE uses it: only the
// places of the largest entries of S are kept. methods.md, section 1:
//
//   V := randn(1 x in); then `passes` times
//     S := 0; twice { U := Q of qr((W-S) V^T);  V := U^T (W-S);  S := W - U V with entries |.| < 0.01 set to 0 }
//     E := W - U V - S;  V := [V ; first 5 rows of R of qr(E)]
//
// so that pass k (0-based) works at rank 1 + 5k. The passes end the rank at 0.65 of the full one; when S would hold
// fewer than `entries` nonzeros, the search stops at the pass before.
//
// The threshold makes the iteration chaotic: after some ten passes a last bit anywhere changes most of the places, in
// fp64 as well. So it is one fp32 run on the CPU; with one thread a matrix it is the same for any number of ranks and
// threads (support.cpp sees to that), and what one rank finds is what all use.
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace filigree::adapt {

struct GreBsmoResult {
  at::Tensor residual;   ///< W - U V of the last good pass, fp32 [out, in]: S before its small entries are dropped
  int64_t passes = 0;    ///< passes that were good
  int64_t asked = 0;     ///< passes that were to be done
  int64_t nonzeros = 0;  ///< of S after the last good pass
  bool exhausted() const { return passes < asked; }
};

struct GreBsmoPass {
  at::Tensor residual;  ///< W - U V
  at::Tensor s;         ///< residual without its small entries
  at::Tensor next_v;    ///< V of the next pass
};

/// One pass from V [rank, in], in the type of the weight.
GreBsmoPass grebsmo_pass(const at::Tensor& weight, const at::Tensor& v);

/// round(0.65 min(out, in) / 5), at least 1.
int64_t grebsmo_passes(int64_t out, int64_t in);

/// first_v: [1, in]; passes 0: grebsmo_passes. More passes than the matrix has ranks for are cut.
GreBsmoResult grebsmo(const at::Tensor& weight, const at::Tensor& first_v, int64_t entries, int64_t passes = 0);

}  // namespace filigree::adapt
