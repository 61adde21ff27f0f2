#include "core/nn/parameter.h"

#include <ATen/ops/index_select.h>

#include <algorithm>
#include <utility>

#include "core/error.h"

namespace filigree::nn {
namespace {

/// Makes `value` the parameter's leaf tensor, with the storage type and requires_grad that its role asks for.
void store(Parameter& parameter, const at::Tensor& value, at::ScalarType frozen_dtype) {
  at::Tensor leaf = value.detach();
  if (leaf.is_floating_point() && parameter.trainable()) leaf = leaf.to(at::kFloat);
  if (leaf.is_floating_point() && parameter.role == Role::frozen) leaf = leaf.to(frozen_dtype);
  parameter.value = leaf;
  parameter.value.set_requires_grad(parameter.trainable());
}

}  // namespace

const char* to_string(Role role) {
  switch (role) {
    case Role::frozen:
      return "frozen";
    case Role::trainable:
      return "trainable";
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

ParameterPtr ParameterTable::add(std::string name, at::Tensor value, Role role) {
  auto parameter = std::make_shared<Parameter>();
  parameter->name = std::move(name);
  parameter->logical_shape = value.sizes().vec();
  parameter->role = role;
  store(*parameter, value, frozen_dtype_);
  add(parameter);
  return parameter;
}

void ParameterTable::add(ParameterPtr parameter) {
  FG_CHECK(parameter && parameter->value.defined(), "a parameter without a tensor");
  const bool fresh = by_name_.emplace(parameter->name, parameter).second;
  FG_CHECK(fresh, "parameter '{}' is there already", parameter->name);
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
  FG_CHECK(role != Role::trainable || parameter.value.is_floating_point(), "'{}' holds integers and cannot be trained",
           parameter.name);
  parameter.role = role;
  store(parameter, parameter.value, frozen_dtype_);
}

void ParameterTable::set_frozen_dtype(at::ScalarType dtype) {
  frozen_dtype_ = dtype;
  for (const ParameterPtr& parameter : parameters_) {
    if (parameter->role == Role::frozen) store(*parameter, parameter->value, frozen_dtype_);
  }
}

Reindex reindex(const ParameterPtr& parameter, int64_t dim, const at::Tensor& index) {
  FG_CHECK(parameter->placement.dim != dim, "'{}' is split along dimension {}: its slices must be re-cut, not indexed",
           parameter->name, dim);
  const at::Tensor local = index.to(parameter->value.device());
  const bool trainable = parameter->trainable();
  parameter->value = parameter->value.detach().index_select(dim, local);
  parameter->value.set_requires_grad(trainable);
  parameter->logical_shape[static_cast<size_t>(dim)] = index.numel();
  return {parameter, dim, index};
}

}  // namespace filigree::nn
