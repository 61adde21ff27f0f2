#include "core/nn/column_gates.h"

#include <ATen/ops/mul.h>

namespace filigree::nn {

at::Tensor ColumnGates::apply(const at::Tensor& weight) const {
  return at::mul(weight, gates_->value().repeat_interleave(unit_).to(weight.scalar_type()));
}

const ColumnGates* column_gates(const Linear& linear) { return dynamic_cast<const ColumnGates*>(linear.transform()); }

}  // namespace filigree::nn
