#pragma once
// One flat fp32 buffer, cut into buckets of about bucket_bytes; the gradients of the trainable parameters are views of
// it. During backward, a bucket is all-reduced (summed) as soon as all its gradients are complete. Buckets start in a
// fixed order, the last parameters first, because their gradients are ready first. finish() waits for the rest.
//
//   GradBuckets buckets(parameters, dp, options);      // sets grad() of each leaf
//   buckets.zero(); buckets.arm();                     // arm: the next backward is that of the last micro-batch
//   loss.backward(); buckets.finish();                 // flat() now holds the sum over all ranks
//
// The sum is not averaged: the trainer divides by the global number of samples. Gradients are sent as fp32 or bf16.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "dist/communicator.h"

namespace filigree::dist {

struct BucketOptions {
  int64_t bucket_bytes = 1 << 22;
  at::ScalarType dtype = at::kFloat;  ///< of what is sent: fp32 or bf16
  /// How often a backward pass adds to the gradient of each leaf; empty: once. More than once for a leaf of which several
  /// layers make their weights, each in a backward pass of its own.
  std::vector<int> additions = {};
};

class GradBuckets {
 public:
  /// leaves: fp32 leaf tensors that require grad, in the model's order (the same on all ranks).
  GradBuckets(const std::vector<at::Tensor>& leaves, Communicator& dp, BucketOptions options);
  ~GradBuckets();

  void zero();
  /// The next backward completes the gradients of the step: reduce each bucket as soon as it is ready. A leaf without
  /// a gradient, or a rank without samples, still takes part: finish() launches the remaining buckets.
  void arm();
  void finish();

  const at::Tensor& flat() const;  ///< fp32 [total], all gradients in the order of the leaves
  int64_t total() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace filigree::dist
