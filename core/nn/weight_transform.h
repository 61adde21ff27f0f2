#pragma once
// What a linear multiplies by in place of its weight: T(W), or T(W + D) with D the adapter's update. The transformed
// weight is made in the forward and again in the backward pass (lazy_linear.h); nothing keeps it. W itself stays as it
// was loaded, so a mask may let an entry return.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "core/nn/parameter.h"

namespace filigree::nn {

class WeightTransform {
 public:
  virtual ~WeightTransform() = default;

  /// T of this rank's part of the matrix, [out, in]. While gradients are recorded, it is differentiable in `weight` and
  /// in parameters(). The same parameters give the same result. May not write to `weight`.
  virtual at::Tensor apply(const at::Tensor& weight) const = 0;

  /// T(W + D) if true; else T(W) + D.
  virtual bool covers_update() const = 0;

  /// The transform's parameters, which are also in the model's table and follow the linear.
  virtual std::vector<ParameterPtr> parameters() const = 0;

  /// For messages: "a learned mask", "gates", ...
  virtual std::string kind() const = 0;
};

}  // namespace filigree::nn
