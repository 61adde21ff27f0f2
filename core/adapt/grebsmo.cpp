#include "core/adapt/grebsmo.h"

#include <ATen/ops/abs.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/count_nonzero.h>
#include <ATen/ops/linalg_qr.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/sub.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace filigree::adapt {
namespace {

constexpr double kThreshold = 0.01;
constexpr int64_t kRankStep = 5;

struct Split {
  at::Tensor v, residual, s;
};

/// One alternation from `base` = W - S.
Split alternate(const at::Tensor& weight, const at::Tensor& base, const at::Tensor& v) {
  Split split;
  const at::Tensor u = std::get<0>(at::linalg_qr(at::mm(base, v.t())));
  split.v = at::mm(u.t(), base);
  split.residual = at::sub(weight, at::mm(u, split.v));
  split.s = at::where(split.residual.abs().lt(kThreshold), at::zeros_like(weight), split.residual);
  return split;
}

/// First rows of R of qr(e). Householder reflections proceed column by column, so the first columns determine
/// these rows.
at::Tensor first_rows_of_r(const at::Tensor& e) {
  const at::Tensor q = std::get<0>(at::linalg_qr(e.narrow(1, 0, std::min(kRankStep, e.size(1)))));
  return at::mm(q.t(), e);
}

}  // namespace

int64_t grebsmo_passes(int64_t out, int64_t in) {
  return std::max<int64_t>(
      1, std::llround(0.65 * static_cast<double>(std::min(out, in)) / static_cast<double>(kRankStep)));
}

GreBsmoPass grebsmo_pass(const at::Tensor& weight, const at::Tensor& v) {
  const Split first = alternate(weight, weight, v);
  const Split second = alternate(weight, at::sub(weight, first.s), first.v);
  const at::Tensor e = at::sub(second.residual, second.s);
  return {second.residual, second.s, at::cat({second.v, first_rows_of_r(e)})};
}

GreBsmoResult grebsmo(const at::Tensor& weight, const at::Tensor& first_v, int64_t entries, int64_t passes) {
  FG_CHECK(weight.dim() == 2 && first_v.dim() == 2 && first_v.size(0) == 1 && first_v.size(1) == weight.size(1),
           "GreBsmo needs a matrix and a first row of its width");
  const at::Tensor w = weight.detach().to(at::kCPU, at::kFloat).contiguous();
  const int64_t full = std::min(w.size(0), w.size(1));
  GreBsmoResult result;
  result.asked = std::min(passes > 0 ? passes : grebsmo_passes(w.size(0), w.size(1)), 1 + (full - 1) / kRankStep);
  at::Tensor v = first_v.to(at::kCPU, at::kFloat);
  for (int64_t pass = 0; pass < result.asked; ++pass) {
    const GreBsmoPass done = grebsmo_pass(w, v);
    const int64_t nonzeros = at::count_nonzero(done.s).item<int64_t>();
    if (pass > 0 && nonzeros < entries) break;
    result.residual = done.residual;
    result.nonzeros = nonzeros;
    if (nonzeros < entries) break;  // already in the first pass: its residual is the only one
    result.passes = pass + 1;
    v = done.next_v;
  }
  return result;
}

}  // namespace filigree::adapt
