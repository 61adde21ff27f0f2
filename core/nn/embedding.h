#pragma once
// A table of vectors [n, C] that is looked up by number. When the table is split by its rows, a number whose row lies
// on another rank gives zeros here, and the output hook (set by core/parallel/parallelize) adds the ranks' parts up.
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
