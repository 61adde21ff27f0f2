#include "core/nn/parameter.h"

#include <ATen/ops/index_select.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <utility>

#include "core/error.h"

namespace filigree::nn {
namespace {

/// Makes `value` the parameter's leaf tensor, with the storage type and requires_grad that its role requires.
void store(Parameter& parameter, const at::Tensor& value, at::ScalarType frozen_dtype) {
  at::Tensor leaf = value.detach();
  if (leaf.is_floating_point() && parameter.trainable()) leaf = leaf.to(at::kFloat);
  if (leaf.is_floating_point() && parameter.role == Role::frozen) leaf = leaf.to(frozen_dtype);
  leaf.set_requires_grad(parameter.trainable());
  parameter.set_value(leaf);
}

}  // namespace

const char* to_string(Role role) {
  switch (role) {
    case Role::frozen:
      return "frozen";
    case Role::trainable:
      return "trainable";
    case Role::derived:
      return "derived";
    case Role::mask:
      return "mask";
    case Role::buffer:
      return "buffer";
  }
  return "unknown";
}

int64_t Parameter::logical_numel() const {
  int64_t numel = 1;
  for (int64_t size : logical_shape) numel *= size;
  return numel;
}

const at::Tensor& Parameter::value() const {
  FG_CHECK(!source_, "'{}' is sharded over the ranks and has no local values", name);
  return value_;
}

void Parameter::set_value(at::Tensor value) {
  source_ = nullptr;
  value_ = std::move(value);
}

void Parameter::shard(Source source) {
  FG_CHECK(role == Role::frozen, "'{}' is not frozen and cannot be sharded", name);
  source_ = std::move(source);
  value_ = at::zeros({}, value_.options()).expand(value_.sizes());
}

ParameterPtr ParameterTable::add(std::string name, const at::Tensor& value, Role role) {
  auto parameter = std::make_shared<Parameter>();
  parameter->name = std::move(name);
  parameter->logical_shape = value.sizes().vec();
  parameter->role = role;
  store(*parameter, value, frozen_dtype_);
  add(parameter);
  return parameter;
}

ParameterPtr ParameterTable::add(std::string name, const at::Tensor& whole, Role role, const Placement& placement) {
  ParameterPtr parameter = add(std::move(name), local_shard(whole, placement), role);
  parameter->logical_shape = whole.sizes().vec();
  parameter->placement = placement;
  return parameter;
}

void ParameterTable::add(ParameterPtr parameter) {
  FG_CHECK(parameter && parameter->value().defined(), "the parameter has no tensor");
  const bool fresh = by_name_.emplace(parameter->name, parameter).second;
  FG_CHECK(fresh, "parameter '{}' already exists", parameter->name);
  parameters_.push_back(std::move(parameter));
}

void ParameterTable::remove(const std::string& name) {
  FG_CHECK(by_name_.erase(name) == 1, "no parameter '{}' to remove", name);
  std::erase_if(parameters_, [&](const ParameterPtr& parameter) { return parameter->name == name; });
}

ParameterPtr ParameterTable::find(const std::string& name) const {
  const auto it = by_name_.find(name);
  return it == by_name_.end() ? nullptr : it->second;
}

Parameter& ParameterTable::at(const std::string& name) const {
  const auto it = by_name_.find(name);
  FG_CHECK(it != by_name_.end(), "no parameter '{}'", name);
  return *it->second;
}

std::vector<ParameterPtr> ParameterTable::with_role(Role role) const {
  std::vector<ParameterPtr> found;
  std::copy_if(parameters_.begin(), parameters_.end(), std::back_inserter(found),
               [role](const ParameterPtr& parameter) { return parameter->role == role; });
  return found;
}

void ParameterTable::set_role(Parameter& parameter, Role role) {
  FG_CHECK(role != Role::trainable || parameter.value().is_floating_point(),
           "'{}' holds integers and cannot be trained", parameter.name);
  parameter.role = role;
  store(parameter, parameter.value(), frozen_dtype_);
}

void ParameterTable::set_frozen_dtype(at::ScalarType dtype) {
  frozen_dtype_ = dtype;
  for (const ParameterPtr& parameter : parameters_) {
    if (parameter->role == Role::frozen) store(*parameter, parameter->value(), frozen_dtype_);
  }
}

AxisChange keep_indices(const at::Tensor& kept) {
  AxisChange change;
  change.kept = kept;
  return change;
}

AxisChange change_of_units(const AxisChange& change, int64_t unit) {
  AxisChange units = change;
  if (change.kept.defined()) units.kept = change.kept.slice(0, 0, std::nullopt, unit).floor_divide(unit);
  for (Slice& share : units.share) share = {share.begin / unit, share.end / unit};
  if (change.move)
    units.move = [move = change.move, unit](const at::Tensor& local, int64_t dim) {
      return move(local.repeat_interleave(unit, dim), dim).slice(dim, 0, std::nullopt, unit).contiguous();
    };
  return units;
}

Placement without(const Placement& placement, int64_t dim, const at::Tensor& kept) {
  if (!placement.split(dim)) return placement;
  const auto below = [&](int64_t line) { return kept.lt(line).sum().item<int64_t>(); };
  return {dim, {below(placement.slice.begin), below(placement.slice.end)}};
}

namespace {

/// Keeps the local part of `kept`.
Reslice drop(const ParameterPtr& parameter, int64_t dim, const at::Tensor& kept) {
  at::Tensor local = kept;
  if (parameter->placement.split(dim)) {
    const Placement after = without(parameter->placement, dim, kept);
    local = kept.narrow(0, after.slice.begin, after.slice.size()).sub(parameter->placement.slice.begin);
    parameter->placement = after;
  }
  parameter->logical_shape[static_cast<size_t>(dim)] = kept.numel();
  return {parameter,
          [dim, local](const at::Tensor& tensor) { return tensor.index_select(dim, local.to(tensor.device())); }};
}

}  // namespace

Reslice reslice(const ParameterPtr& parameter, int64_t dim, const AxisChange& change) {
  Reslice record{parameter, [](const at::Tensor& tensor) { return tensor; }};
  if (change.kept.defined()) {
    record = drop(parameter, dim, change.kept);
  } else if (parameter->placement.split(dim) && change.move) {
    record.apply = [dim, move = change.move](const at::Tensor& tensor) { return move(tensor, dim); };
    parameter->placement.slice = change.share[change.rank];
  }
  const bool trainable = parameter->trainable();
  parameter->set_value(record.apply(parameter->value().detach()));
  parameter->value().set_requires_grad(trainable);
  return record;
}

at::Tensor local_shard(const at::Tensor& whole, const Placement& placement) {
  if (placement.replicated()) return whole;
  return whole.narrow(placement.dim, placement.slice.begin, placement.slice.size()).clone(at::MemoryFormat::Contiguous);
}

}  // namespace filigree::nn
