#include "core/adapt/followers.h"

#include <ATen/ops/zeros.h>

namespace filigree::adapt {

nn::ParameterPtr add_follower(nn::ParameterTable& table, nn::Linear& linear, const std::string& suffix,
                              const at::Tensor& whole, nn::Role role, int64_t rows, int64_t columns, int64_t unit) {
  const nn::Placement& part = linear.weight()->placement;
  const int64_t along = part.split(0) ? rows : part.split(1) ? columns : -1;
  nn::Placement placed;
  if (along >= 0) placed = {along, {part.slice.begin / unit, part.slice.end / unit}};
  nn::ParameterPtr parameter =
      table.add(linear.name() + "." + suffix, placed.replicated() ? whole.contiguous() : whole, role, placed);
  parameter->partial_gradient = role == nn::Role::trainable && !part.replicated() && placed.replicated();
  linear.follow({parameter, rows, columns, unit});
  return parameter;
}

nn::ParameterPtr add_entries_like(nn::ParameterTable& table, nn::Linear& linear, const std::string& suffix,
                                  const at::Tensor& local, nn::Role role) {
  nn::ParameterPtr parameter = table.add(linear.name() + "." + suffix, local, role);
  parameter->placement = linear.weight()->placement;
  parameter->logical_shape = linear.weight()->logical_shape;
  linear.follow({parameter, 0, 1});
  return parameter;
}

nn::ParameterPtr add_lines(nn::ParameterTable& table, nn::Linear& linear, const std::string& suffix, int64_t dim,
                           nn::Role role) {
  const int64_t lines = linear.weight()->logical_shape[static_cast<size_t>(dim)];
  const at::Tensor zeros = at::zeros({lines}, at::TensorOptions(at::kFloat).device(linear.weight()->device()));
  return add_follower(table, linear, suffix, zeros, role, dim == 0 ? 0 : -1, dim == 1 ? 0 : -1);
}

void remove_follower(nn::ParameterTable& table, nn::Linear& linear, const nn::Parameter& parameter) {
  linear.leave(parameter);
  table.remove(std::string(parameter.name));
}

}  // namespace filigree::adapt
