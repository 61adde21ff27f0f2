#include "core/nn/embedding.h"

#include <ATen/ops/embedding.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

namespace filigree::nn {
namespace {

at::Tensor own_rows(const at::Tensor& table, const Slice& slice, const at::Tensor& numbers) {
  if (slice.size() == 0) return at::zeros({numbers.size(0), table.size(1)}, table.options());
  const at::Tensor local = numbers.sub(slice.begin);
  const at::Tensor here = local.ge(0).logical_and(local.lt(slice.size()));
  const at::Tensor rows = at::embedding(table, at::where(here, local, 0));
  return at::mul(rows, here.unsqueeze(1).to(rows.scalar_type()));
}

}  // namespace

at::Tensor Embedding::forward(const at::Tensor& numbers, at::ScalarType compute) const {
  const at::Tensor table = weight_->gather();
  const Placement& placement = weight_->placement;
  at::Tensor rows =
      (placement.split(0) ? own_rows(table, placement.slice, numbers) : at::embedding(table, numbers)).to(compute);
  return output_hook ? output_hook(rows) : rows;
}

}  // namespace filigree::nn
