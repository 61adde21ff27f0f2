#pragma once
// AdamW over one flat fp32 buffer: the trainable parameters, their gradients (dist::GradBuckets::flat()) and the two
// moments are in buffers of the same layout, and a step is one fused pass. Decoupled weight decay
// (Loshchilov, Hutter 2019), bias correction as in torch.optim.AdamW. Weight decay is not applied to 1-d
// parameters (biases, LayerNorm, sparse values).
#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "core/nn/parameter.h"
#include "core/optim/adamw_update.h"
#include "dist/communicator.h"
#include "dist/grad_buckets.h"

namespace filigree::optim {

struct AdamWOptions {
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0.0;
};

/// The range of one parameter in the flat buffers.
struct Extent {
  nn::ParameterPtr parameter;
  int64_t offset = 0;
  int64_t numel = 0;
  std::vector<int64_t> shape;
};

class FlatAdamW {
 public:
  /// Moves the values of all trainable parameters of the table (in its order) into one buffer.
  /// Parameter::value() then returns a leaf view of it. Moments start at 0.
  FlatAdamW(nn::ParameterTable& table, AdamWOptions options);

  std::vector<at::Tensor> leaves() const;  ///< the views, for dist::GradBuckets

  /// Sums the partial gradients over `tp`, the ranks that share one copy of the model. Collective.
  void sum_partial(const at::Tensor& grad, dist::Communicator& tp) const;

  /// L2 norm of the flat gradient `grad` times `scale` (1/global count). fp64 accumulation. The norm covers the parts
  /// of the model on all ranks of `tp` and counts replicated parameters once. Collective.
  double grad_norm(const at::Tensor& grad, double scale, dist::Communicator& tp) const;

  /// One update: g = grad * scale * clip_factor, where clip_factor = min(1, clip/norm); step count t += 1.
  /// moving: of these parameters, only the given entries change their value; the moments change in all entries.
  void step(const at::Tensor& grad, double scale, double clip_factor, double lr,
            const std::vector<nn::EntryMask>& moving = {});

  int64_t steps() const { return steps_; }

  /// State for a checkpoint: one (m, v) pair of tensors per parameter, in its local shape, and the step count.
  struct Moments {
    std::string name;
    at::Tensor m, v;
  };
  std::vector<Moments> moments() const;  ///< views
  void load(const std::vector<Moments>& moments,
            int64_t steps);  ///< by name; DataError if one is missing or has the wrong shape

  /// Call after a structured prune, a rebalancing (nn::Reslice records) or a change of roles. Rebuilds the
  /// buffers from the table; keeps the moments of the remaining parameters, cut according to the records.
  void rebuild(nn::ParameterTable& table, const std::vector<nn::Reslice>& records);

  const std::vector<Extent>& extents() const { return extents_; }

 private:
  void gather(nn::ParameterTable& table);
  AdamWOptions options_;
  std::vector<Extent> extents_;
  std::vector<UpdateRange> update_ranges_;
  at::Tensor value_, m_, v_;
  int64_t steps_ = 0;
};

}  // namespace filigree::optim
