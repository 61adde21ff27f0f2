#pragma once
// One factor per unit of consecutive columns of a matrix: T(W) = W * c, where each column is multiplied by the factor of its
// unit. On the output linear of the attention or the FFN this scales the output of a head or of a neuron, as EarlyBERT's
// coefficients do (arXiv 2101.00063): scaling the attention probabilities of a head by c scales its output by c.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/nn/linear.h"
#include "core/nn/weight_transform.h"

namespace filigree::nn {

class ColumnGates : public WeightTransform {
 public:
  /// gates: fp32, one per unit of this rank's columns.
  ColumnGates(ParameterPtr gates, int64_t unit) : gates_(std::move(gates)), unit_(unit) {}

  at::Tensor apply(const at::Tensor& weight) const override;
  bool covers_update() const override { return true; }
  std::vector<ParameterPtr> parameters() const override { return {gates_}; }
  std::string kind() const override { return "gates"; }

  const ParameterPtr& gates() const { return gates_; }

 private:
  ParameterPtr gates_;
  int64_t unit_;
};

/// The gates of a linear; nullptr if it has none.
const ColumnGates* column_gates(const Linear& linear);

}  // namespace filigree::nn
