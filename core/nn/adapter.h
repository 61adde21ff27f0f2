#pragma once
// An adapter is a trainable update that hangs on one nn::Linear. With W (out x in) the linear's weight,
//   y = x W^T + b + [adapter] x D^T,      D = delta(): the ONE effective update.
// The forward pass adds D, every pruning score reads D, export merges D. No other place knows the formula.
#include <ATen/core/Tensor.h>

#include <functional>
#include <string>
#include <vector>

#include "core/nn/parameter.h"

namespace filigree::nn {

class Adapter {
 public:
  virtual ~Adapter() = default;

  /// y + x D^T. x: [T, in] in the compute type, y: [T, out] the base linear's output (may be overwritten).
  virtual at::Tensor forward(const at::Tensor& x, const at::Tensor& y) const = 0;

  /// D, fp32, detached: the part that lies where the linear's weight does.
  virtual at::Tensor delta() const = 0;

  /// The adapter's parameters, also in the model's table. Names: "<linear>.lora_U", "<linear>.lora_V",
  /// "<linear>.sparse_values"...
  virtual std::vector<ParameterPtr> parameters() const = 0;

  /// Follows a change of the linear's rows (dim 0) or columns (dim 1). Returns what was done to each trainable
  /// parameter, for the optimizer's state.
  virtual std::vector<Recut> recut(int64_t dim, const LineChange& change) = 0;

  /// Called before a checkpoint's values are copied into parameters(): takes the shapes that saved(name) has. On resume
  /// attach makes a stand-in for a searched support, and a replayed prune leaves other numbers of its entries.
  virtual void take_shapes(const std::function<at::Tensor(const std::string&)>& /*saved*/) {}

  /// "low_rank", "sparse_delta", "low_rank_sparse", ...
  virtual std::string kind() const = 0;
};

}  // namespace filigree::nn
