#pragma once
// An optimizer over one flat fp32 buffer: the trainable parameters, their gradients (dist::GradBuckets::flat()) and the
// optimizer's state are in buffers of the same layout. This class has the buffers; a subclass has the update.
#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "core/nn/parameter.h"
#include "core/optim/update_range.h"
#include "dist/communicator.h"

namespace filigree::optim {

/// The range of one parameter in the flat buffers.
struct Extent {
  nn::ParameterPtr parameter;
  int64_t offset = 0;
  int64_t numel = 0;
  std::vector<int64_t> shape;
};

class Optimizer {
 public:
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  std::vector<at::Tensor> leaves() const;  ///< views of the buffer, for dist::GradBuckets

  /// Sums the partial gradients over `tp`, the ranks that share one copy of the model. Collective.
  void sum_partial(const at::Tensor& grad, dist::Communicator& tp) const;

  /// L2 norm of the flat gradient `grad` times `scale` (1/global count). fp64 accumulation. The norm covers the parts
  /// of the model on all ranks of `tp` and counts replicated parameters once. Collective.
  double grad_norm(const at::Tensor& grad, double scale, dist::Communicator& tp) const;

  /// One update: g = grad * scale * clip_factor, where clip_factor = min(1, clip/norm); step count t += 1.
  /// moving: of these parameters, only the given entries change their value; the state changes in all entries.
  void step(const at::Tensor& grad, double scale, double clip_factor, double lr,
            const std::vector<nn::EntryMask>& moving = {});

  int64_t steps() const { return steps_; }

  /// State for a checkpoint: for each slot one tensor per parameter, in its local shape.
  struct State {
    std::string slot, parameter;  ///< names
    at::Tensor values;
  };
  std::vector<State> state() const;  ///< views, by parameter, then by slot
  /// By names; DataError if one is missing or has the wrong shape.
  void load(const std::vector<State>& state, int64_t steps);
  const std::vector<std::string>& slots() const { return slots_; }

  /// Call after a structured prune, a rebalancing (nn::Reslice records) or a change of roles. Rebuilds the
  /// buffers from the table; keeps the state of the remaining parameters, changed according to the records.
  void rebuild(nn::ParameterTable& table, const std::vector<nn::Reslice>& records);

  const std::vector<Extent>& extents() const { return extents_; }

 protected:
  /// Moves the values of all trainable parameters of the table (in its order) into one buffer. Parameter::value() then
  /// returns a leaf view of it. slots: names of the state's buffers, which start at 0. UsageError if nothing trains.
  Optimizer(nn::ParameterTable& table, std::vector<std::string> slots);

  /// The update of step steps() of value(), from grad * scale.
  virtual void update(const at::Tensor& grad, double scale, double lr) = 0;

  const at::Tensor& value() const { return value_; }                      ///< flat
  const at::Tensor& slot(size_t index) const { return buffers_[index]; }  ///< flat
  const std::vector<UpdateRange>& ranges() const { return ranges_; }

 private:
  void gather(nn::ParameterTable& table);
  std::vector<std::string> slots_;
  std::vector<Extent> extents_;
  std::vector<UpdateRange> ranges_;
  at::Tensor value_;
  std::vector<at::Tensor> buffers_;  ///< one per slot
  int64_t steps_ = 0;
};

}  // namespace filigree::optim
