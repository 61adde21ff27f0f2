#pragma once
// Linear: weight [out, in], optional bias [out], at most one adapter, an optional weight mask or transform, two hook slots.
//
//   y = output_hook( x' (mask * W)^T + b  [+ adapter] ),   x' = input_hook(x)
//   y = output_hook( x' T(W)^T + b  [+ adapter] )   or   output_hook( x' T(W + D)^T + b )   with a transform T
//   y = output_hook( x' (mask * (W + D))^T + b )   with a mask that covers the update
//   y = output_hook( x' (mask * W + D)^T + b )   or   output_hook( x' (T(W) + D)^T + b )   with an adapter that is merged
//
// Tensor parallelism is installed through the hooks (core/parallel/parallelize); model code does not use them.
// x: [T, in]. The weight is cast to x's type if it differs (trainable fp32 weights under bf16 compute). A weight that
// is split by its inputs gives a partial sum. Its bias is replicated and is added once, after the output hook.
#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/nn/parameter.h"

namespace filigree::nn {

class Adapter;
class WeightTransform;

using Hook = std::function<at::Tensor(const at::Tensor&)>;

/// A parameter that goes with the rows and columns of a linear: which of its dimensions has an index per row, and which
/// one per column; -1: none. With a `unit`, it has one index per so many consecutive rows or columns.
struct Follower {
  ParameterPtr parameter;
  int64_t rows = -1, columns = -1;
  int64_t unit = 1;
};

class Linear {
 public:
  Linear(std::string name, ParameterPtr weight, ParameterPtr bias);
  ~Linear();
  Linear(Linear&&) noexcept;

  at::Tensor forward(const at::Tensor& x) const;

  const std::string& name() const { return name_; }  ///< the weight's name without ".weight"
  const ParameterPtr& weight() const { return weight_; }
  const ParameterPtr& bias() const { return bias_; }                  ///< nullptr if absent
  int64_t out_features() const { return weight_->logical_shape[0]; }  ///< of the full linear
  int64_t in_features() const { return weight_->logical_shape[1]; }

  Adapter* adapter() const { return adapter_.get(); }
  void set_adapter(std::shared_ptr<Adapter> adapter);  ///< nullptr removes it

  /// The parameters of the adapter and of the transform.
  std::vector<ParameterPtr> added_parameters() const;
  /// Whether its weight, its bias or an added parameter is trained.
  bool trains() const;

  /// 0/1 mask over the weight (uint8, [out, in]), or nullptr. set_mask() multiplies a frozen weight by it
  /// once; a trainable weight is multiplied in each pass.
  const ParameterPtr& mask() const { return mask_; }
  void set_mask(ParameterPtr mask);
  /// From now on the mask covers the adapter's update too: mask * (W + D).
  void mask_update() { mask_covers_update_ = true; }
  bool mask_covers_update() const { return mask_covers_update_; }
  /// Multiplies a frozen weight by its mask now instead of in the next forward pass.
  void mask_frozen_weight();

  /// What is made of the weight before it multiplies; nullptr: nothing. A linear has a mask or a transform, not both.
  WeightTransform* transform() const { return transform_.get(); }
  void set_transform(std::shared_ptr<WeightTransform> transform);
  /// Whether the transform or the mask covers the adapter's update, so that the adapter's own forward pass is not used.
  bool covers_update() const;
  /// Whether the weight that multiplies is made in each forward and each backward pass, and kept in neither.
  bool makes_weight() const;

  /// From now on, reslice() also changes this parameter; until leave().
  void follow(Follower follower);
  void leave(const Parameter& parameter);

  /// Changes the rows (dim 0, with the bias) or columns (dim 1) of weight, mask, followers and adapter.
  std::vector<Reslice> reslice(int64_t dim, const AxisChange& change);
  /// Keeps the given logical rows or columns.
  std::vector<Reslice> shrink(int64_t dim, const at::Tensor& index) { return reslice(dim, keep_indices(index)); }

  /// mask * W + D, mask * (W + D), T(W) + D or T(W + D) of the local shard, fp32, detached. This is what export writes.
  at::Tensor merged_weight() const;

  Hook input_hook;
  Hook output_hook;

 private:
  at::Tensor base_weight() const;                       ///< W; mask * W if it is frozen
  bool merges_update() const;                           ///< D is part of the made weight
  at::Tensor made_weight(bool backward) const;          ///< mask * W or T(W), with D inside or added, or neither
  at::Tensor transformed(const at::Tensor& sum) const;  ///< of W or W + D
  bool trains_weight() const;                           ///< the made weight has a gradient
  at::Tensor multiply(const at::Tensor& x, const std::optional<at::Tensor>& bias) const;  ///< without the adapter

  std::string name_;
  ParameterPtr weight_, bias_, mask_;
  bool mask_covers_update_ = false;
  std::shared_ptr<Adapter> adapter_;
  std::shared_ptr<WeightTransform> transform_;
  std::vector<Follower> followers_;
  mutable at::Tensor masked_value_;  ///< the frozen weight, already multiplied by the mask
};

}  // namespace filigree::nn
