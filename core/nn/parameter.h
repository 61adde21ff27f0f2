#pragma once
// The parameter table, the core of filigree: optimizer, gradient buckets, checkpoint, pruner, exporter,
// `inspect` and `plan` are loops over it, and none of them depends on a method or a model family.
//
// Modules and adapters share their Parameters with the table (ParameterPtr). To change a parameter's tensor,
// call Parameter::set_value(), so that all holders see it.
//
// A frozen parameter may be sharded over ranks (core/parallel/frozen_shards). It then has no local tensor:
// value() throws, and gather() collects the values. So no reader can mistake a placeholder for the weights.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dist/index_range.h"

namespace filigree::nn {

/// derived: follows from other parameters, so that checkpoints leave it out.
enum class Role { frozen, trainable, mask, buffer, derived };
const char* to_string(Role role);

/// Half-open range of indices along one dimension.
using Slice = dist::IndexRange;

/// How a logical tensor is placed on the tensor-parallel axis: replicated, or split along one dimension, where this
/// rank holds one slice of the rows (dim 0) or columns (dim 1). The slices are contiguous and in rank order.
struct Placement {
  static constexpr int64_t kReplicated = -1;
  int64_t dim = kReplicated;
  Slice slice;
  bool replicated() const { return dim == kReplicated; }
  bool split(int64_t along) const { return dim == along; }
  bool operator==(const Placement&) const = default;
};

class Parameter {
 public:
  /// Returns the values of a sharded parameter, for the forward or the backward pass. Collective.
  using Source = std::function<at::Tensor(bool backward)>;

  std::string name;                    ///< logical name, e.g. "bert.encoder.layer.0.attention.self.query.weight"
  std::vector<int64_t> logical_shape;  ///< unsharded shape, after any structured prune
  Placement placement;
  Role role = Role::frozen;
  /// Each tensor-parallel rank computes a partial gradient; the parts are summed over the axis once per step.
  bool partial_gradient = false;
  double lr_scale = 1.0;  ///< times the learning rate of the step
  bool decays = true;     ///< false: no weight decay; 1-d parameters never have any

  bool trainable() const { return role == Role::trainable; }
  int64_t logical_numel() const;

  /// The local tensor; a leaf that requires grad if trainable. Throws InternalError while sharded.
  const at::Tensor& value() const;
  /// Replaces the local tensor; the parameter is no longer sharded.
  void set_value(at::Tensor value);

  /// Releases the local tensor of a frozen parameter: from now on `source` returns its values.
  void shard(Source source);
  bool is_sharded() const { return source_ != nullptr; }
  const Source& source() const { return source_; }
  /// value(), or the gathered values of a sharded parameter. Collective in the latter case.
  at::Tensor gather() const { return source_ ? source_(/*backward=*/false) : value_; }

  // Of the local tensor, also while sharded.
  at::IntArrayRef sizes() const { return value_.sizes(); }
  int64_t size(int64_t dim) const { return value_.size(dim); }
  int64_t numel() const { return value_.numel(); }
  uint64_t element_size() const { return value_.element_size(); }
  at::Device device() const { return value_.device(); }
  uint64_t bytes_here() const { return source_ ? 0 : static_cast<uint64_t>(value_.nbytes()); }

 private:
  at::Tensor value_;  ///< while sharded: the shape without memory
  Source source_;
};

using ParameterPtr = std::shared_ptr<Parameter>;

/// Some entries of a parameter: 1 in a uint8 tensor of its local shape.
struct EntryMask {
  ParameterPtr parameter;
  at::Tensor entries;
};

class ParameterTable {
 public:
  /// Adds a full (unsharded) parameter; its logical shape is value's. Throws InternalError if the name exists.
  ParameterPtr add(std::string name, const at::Tensor& value, Role role = Role::frozen);
  /// Adds the part of a full tensor that `placement` selects.
  ParameterPtr add(std::string name, const at::Tensor& whole, Role role, const Placement& placement);
  void add(ParameterPtr parameter);
  /// Removes a parameter (of a merged or replaced adapter). Throws if it is absent.
  void remove(const std::string& name);

  ParameterPtr find(const std::string& name) const;  ///< nullptr if absent
  Parameter& at(const std::string& name) const;      ///< throws if absent

  /// In insertion order, which is the same on all ranks.
  auto begin() const { return parameters_.begin(); }
  auto end() const { return parameters_.end(); }
  size_t size() const { return parameters_.size(); }
  std::vector<ParameterPtr> with_role(Role role) const;

  /// Sets the role, requires_grad and the storage type: fp32 for trainable values, frozen_dtype() for frozen ones.
  void set_role(Parameter& parameter, Role role);
  void set_frozen_dtype(at::ScalarType dtype);
  at::ScalarType frozen_dtype() const { return frozen_dtype_; }

 private:
  std::vector<ParameterPtr> parameters_;
  std::map<std::string, ParameterPtr> by_name_;
  at::ScalarType frozen_dtype_ = at::kFloat;
};

/// A change to the rows or columns of one dimension, the same on all ranks: some are removed (a structured
/// prune), or they are redistributed over the ranks.
struct AxisChange {
  at::Tensor kept;           ///< int64, ascending logical indices that stay; undefined: all
  std::vector<Slice> share;  ///< range of each rank afterwards; empty: the current ones minus what is removed
  /// With `share`: moves a local tensor's rows or columns along `dim` to their new ranks. Collective.
  std::function<at::Tensor(const at::Tensor& local, int64_t dim)> move;
  size_t rank = 0;  ///< this rank's index in `share`
};
AxisChange keep_indices(const at::Tensor& kept);

/// The change of a tensor that has one index per `unit` lines, such as one per head; whole units stay and move.
AxisChange change_of_units(const AxisChange& change, int64_t unit);

/// The placement after only the logical indices `kept` (int64, ascending) along `dim` stay.
Placement without(const Placement& placement, int64_t dim, const at::Tensor& kept);

/// The change made to a parameter; the optimizer applies it to its moments. `cut` may be collective.
struct Reslice {
  ParameterPtr parameter;
  std::function<at::Tensor(const at::Tensor&)> apply;
};

/// Applies the change to a parameter along `dim` and updates its logical shape and placement. Keeps the role; a leaf
/// stays a leaf. A parameter that is not split along `dim` only loses rows or columns. Returns the record.
Reslice reslice(const ParameterPtr& parameter, int64_t dim, const AxisChange& change);

/// The part of a full tensor (of the logical shape) that `placement` selects: a copy, or `whole` if replicated.
at::Tensor local_shard(const at::Tensor& whole, const Placement& placement);

}  // namespace filigree::nn
