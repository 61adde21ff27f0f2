#pragma once
// The parameter table, the spine of filigree: optimizer, gradient buckets, checkpoint, pruner, exporter, `inspect` and
// `plan` are loops over it, and none of them knows a method or a model family.
//
// Modules and adapters share their Parameters with the table (ParameterPtr). Whoever changes a parameter's tensor
// assigns Parameter::value in place, so that all holders see it.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace filigree::nn {

enum class Role { frozen, trainable, mask, buffer };
const char* to_string(Role role);

/// Half-open range of indices along one dimension.
struct Slice {
  int64_t begin = 0;
  int64_t end = 0;
  bool operator==(const Slice&) const = default;
};

/// Where a logical tensor lies on the tensor-parallel axis: replicated, or split along one dimension, of which this
/// rank holds the listed slices in order.
struct Placement {
  static constexpr int64_t kReplicated = -1;
  int64_t dim = kReplicated;
  std::vector<Slice> slices;
  bool replicated() const { return dim == kReplicated; }
};

struct Parameter {
  std::string name;                    ///< logical name, e.g. "bert.encoder.layer.0.attention.self.query.weight"
  std::vector<int64_t> logical_shape;  ///< unsharded shape, after any structured prune
  at::Tensor value;                    ///< local tensor; a leaf that requires grad when trainable
  Placement placement;
  Role role = Role::frozen;

  bool trainable() const { return role == Role::trainable; }
  int64_t logical_numel() const;
};

using ParameterPtr = std::shared_ptr<Parameter>;

class ParameterTable {
 public:
  /// Adds an unsharded parameter; its logical shape is value's. Throws InternalError when the name is taken.
  ParameterPtr add(std::string name, at::Tensor value, Role role = Role::frozen);
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

/// One slicing of a parameter along `dim` by `index` (int64): what a structured prune did to it. The optimizer applies
/// the same to its moments.
struct Reindex {
  ParameterPtr parameter;
  int64_t dim = 0;
  at::Tensor index;
};

/// value := value.index_select(dim, index), keeping role and leaf-ness; updates logical_shape. Returns the record.
Reindex reindex(const ParameterPtr& parameter, int64_t dim, const at::Tensor& index);

}  // namespace filigree::nn
