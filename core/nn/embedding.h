#pragma once
// A table of vectors [n, C], looked up by id. If the table is split by rows, an id whose row is on another
// rank gives zeros, and the output hook (set by core/parallel/parallelize) sums the results over the ranks.
#include <ATen/core/Tensor.h>

#include "core/nn/linear.h"
#include "core/nn/parameter.h"

namespace filigree::nn {

class Embedding {
 public:
  explicit Embedding(ParameterPtr weight) : weight_(std::move(weight)) {}

  /// numbers: int64 [T]; result [T, C] in `compute`.
  at::Tensor forward(const at::Tensor& numbers, at::ScalarType compute) const;

  const ParameterPtr& weight() const { return weight_; }
  Hook output_hook;

 private:
  ParameterPtr weight_;
};

}  // namespace filigree::nn
