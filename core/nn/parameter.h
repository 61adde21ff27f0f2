#pragma once
// The parameter table, the spine of filigree: optimizer, gradient buckets, checkpoint, pruner, exporter, `inspect` and
// `plan` are loops over it, and none of them knows a method or a model family.
//
// Modules and adapters share their Parameters with the table (ParameterPtr). Whoever changes a parameter's tensor
// calls Parameter::set_value(), so that all holders see it.
//
// A frozen parameter may be shared out over ranks (core/parallel/frozen_shards). It then has no local tensor: value()
// refuses, and gather() brings the values together. So no reader can take a stand-in for the weights.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dist/line_range.h"

namespace filigree::nn {

enum class Role { frozen, trainable, mask, buffer };
const char* to_string(Role role);

/// Half-open range of lines along one dimension.
using Slice = dist::LineRange;

/// Where a logical tensor lies on the tensor-parallel axis: replicated, or split along one dimension, of which this
/// rank holds the lines (rows of dim 0, columns of dim 1) of one slice. The ranks' slices lie one after another.
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
  /// Gives the values of a parameter that is shared out, for the forward or for the backward pass. Collective.
  using Source = std::function<at::Tensor(bool backward)>;

  std::string name;                    ///< logical name, e.g. "bert.encoder.layer.0.attention.self.query.weight"
  std::vector<int64_t> logical_shape;  ///< unsharded shape, after any structured prune
  Placement placement;
  Role role = Role::frozen;
  /// Each tensor-parallel rank sees a part of its gradient: the parts are summed over the axis once a step.
  bool partial_gradient = false;

  bool trainable() const { return role == Role::trainable; }
  int64_t logical_numel() const;

  /// The local tensor; a leaf that requires grad when trainable. Throws InternalError while it is shared out.
  const at::Tensor& value() const;
  /// Replaces the local tensor; the parameter is no longer shared out.
  void set_value(at::Tensor value);

  /// Gives up the local tensor of a frozen parameter: from now on `source` gives its values.
  void share_out(Source source);
  bool shared_out() const { return source_ != nullptr; }
  const Source& source() const { return source_; }
  /// value(), or the values of a parameter that is shared out. Collective in the latter case.
  at::Tensor gather() const { return source_ ? source_(/*backward=*/false) : value_; }

  // Of the local tensor, also while it is shared out.
  at::IntArrayRef sizes() const { return value_.sizes(); }
  int64_t size(int64_t dim) const { return value_.size(dim); }
  int64_t numel() const { return value_.numel(); }
  uint64_t element_size() const { return value_.element_size(); }
  at::Device device() const { return value_.device(); }
  uint64_t bytes_here() const { return source_ ? 0 : static_cast<uint64_t>(value_.nbytes()); }

 private:
  at::Tensor value_;  ///< while shared out: the shape without memory
  Source source_;
};

using ParameterPtr = std::shared_ptr<Parameter>;

class ParameterTable {
 public:
  /// Adds a whole (unsharded) parameter; its logical shape is value's. Throws InternalError when the name is taken.
  ParameterPtr add(std::string name, at::Tensor value, Role role = Role::frozen);
  /// Adds the part of a whole tensor that `placement` says.
  ParameterPtr add(std::string name, const at::Tensor& whole, Role role, const Placement& placement);
  void add(ParameterPtr parameter);
  /// Removes a parameter (an adapter that is merged or replaced). Throws when it is absent.
  void remove(const std::string& name);

  ParameterPtr find(const std::string& name) const;  ///< nullptr when absent
  Parameter& at(const std::string& name) const;      ///< throws when absent

  /// In order of insertion, which is the same on all ranks.
  auto begin() const { return parameters_.begin(); }
  auto end() const { return parameters_.end(); }
  size_t size() const { return parameters_.size(); }
  std::vector<ParameterPtr> with_role(Role role) const;

  /// Sets the role, requires_grad with it, and the storage type: trainable values are fp32, frozen ones `frozen_dtype`.
  void set_role(Parameter& parameter, Role role);
  void set_frozen_dtype(at::ScalarType dtype);
  at::ScalarType frozen_dtype() const { return frozen_dtype_; }

 private:
  std::vector<ParameterPtr> parameters_;
  std::map<std::string, ParameterPtr> by_name_;
  at::ScalarType frozen_dtype_ = at::kFloat;
};

/// What happens to the lines of one dimension, on all ranks alike: some go (a structured prune), or they are shared out
/// over the ranks in another way.
struct LineChange {
  at::Tensor kept;           ///< int64, the logical lines that stay, ascending; undefined: all of them
  std::vector<Slice> share;  ///< lines of each rank afterwards; empty: as they are, less what goes
  /// With `share`: brings a local tensor's lines along `dim` to where they belong. Collective.
  std::function<at::Tensor(const at::Tensor& local, int64_t dim)> move;
  size_t rank = 0;  ///< this rank's place in `share`
};
LineChange keep_lines(const at::Tensor& kept);

/// The placement of what a rank holds when of the lines along `dim` only `kept` (int64, logical, ascending) stay.
Placement without(const Placement& placement, int64_t dim, const at::Tensor& kept);

/// What was done to a parameter: the optimizer does the same to its moments. `cut` may be collective.
struct Recut {
  ParameterPtr parameter;
  std::function<at::Tensor(const at::Tensor&)> cut;
};

/// Applies the change to a parameter's lines along `dim`, keeping role and leaf-ness; updates logical shape and
/// placement. A parameter that is not split along `dim` only loses lines. Returns the record.
Recut recut(const ParameterPtr& parameter, int64_t dim, const LineChange& change);

/// The part of a whole tensor (of the logical shape) that a placement holds, in memory of its own.
at::Tensor part_of(const at::Tensor& whole, const Placement& placement);

}  // namespace filigree::nn
