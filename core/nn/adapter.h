#pragma once
// An adapter is a trainable update attached to one nn::Linear. With W (out x in) the linear's weight,
//   y = x W^T + b + [adapter] x D^T,      D = delta(): the ONE effective update.
// The forward pass adds D, every pruning score reads D, export merges D. The formula exists nowhere else.
#include <ATen/core/Tensor.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/nn/parameter.h"

namespace filigree::nn {

/// D = scale U V + sparse_scale S2, where S2 has N entries. The parameters of an absent part are null.
struct LowRankForm {
  ParameterPtr u, v;                ///< [out, r], [r, in]
  ParameterPtr rows, cols, values;  ///< [N] each; the positions are int64, of the full matrix
  double scale = 1.0;
  double sparse_scale = 1.0;

  int64_t rank() const { return v ? v->logical_shape[0] : 0; }
};

class Adapter {
 public:
  virtual ~Adapter() = default;

  /// y + x D^T. x: [T, in] in the compute type, y: [T, out] the base linear's output (may be overwritten).
  virtual at::Tensor forward(const at::Tensor& x, const at::Tensor& y) const = 0;

  /// Whether the linear multiplies with W + dense() instead of calling forward(): for updates with so many values that one
  /// dense product costs less. The sum is fp32 and cast to the compute type, as trained weights are.
  virtual bool is_merged() const { return false; }

  /// D, fp32, differentiable: the local shard, placed like the linear's weight.
  virtual at::Tensor dense() const = 0;

  /// D, fp32, detached: the local shard, placed like the linear's weight.
  virtual at::Tensor delta() const = 0;

  /// The adapter's parameters, which are also in the model's table. Names: "<linear>.lora_U",
  /// "<linear>.lora_V", "<linear>.sparse_values"...
  virtual std::vector<ParameterPtr> parameters() const = 0;

  /// The parts of D for an export, an import or a forecast; nullopt if D is not of this form.
  virtual std::optional<LowRankForm> low_rank_form() const { return std::nullopt; }

  /// Applies a change of the linear's rows (dim 0) or columns (dim 1) to what is no follower of the linear, such as the
  /// positions of a sparse update. Returns the change made to each trainable parameter, for the optimizer's state.
  virtual std::vector<Reslice> reslice(int64_t /*dim*/, const AxisChange& /*change*/) { return {}; }

  /// Called before a checkpoint's values are copied into parameters(): adopts the shapes of saved(name). On
  /// resume, attach() skips the support search and creates placeholders; after a replayed prune their sizes
  /// may differ from the saved ones.
  virtual void take_shapes(const std::function<at::Tensor(const std::string&)>& /*saved*/) {}

  /// "low_rank", "sparse_delta", "low_rank_sparse", ...
  virtual std::string kind() const = 0;
};

}  // namespace filigree::nn
