#include "core/optim/optimizer.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <fmt/ranges.h>

#include <cmath>
#include <map>
#include <utility>

#include "core/error.h"
#include "core/optim/flat_norm.h"

namespace filigree::optim {
namespace {

bool decays(const nn::Parameter& parameter) { return parameter.decays && parameter.value().dim() >= 2; }

at::Tensor view_of(const at::Tensor& flat, const Extent& extent) {
  return flat.narrow(0, extent.offset, extent.numel).view(extent.shape);
}

std::vector<UpdateRange> ranges_of(const std::vector<Extent>& extents) {
  std::vector<UpdateRange> ranges;
  for (const Extent& extent : extents) {
    const bool decay = decays(*extent.parameter);
    const double lr_scale = extent.parameter->lr_scale;
    if (ranges.empty() || ranges.back().decays != decay || ranges.back().lr_scale != lr_scale)
      ranges.push_back({extent.offset, extent.offset, decay, lr_scale});
    ranges.back().end = extent.offset + extent.numel;
  }
  return ranges;
}

/// fp64 scalar on the tensor's device.
at::Tensor square_sum(const at::Tensor& values) {
  if (!values.is_cpu()) return values.to(at::kDouble).square().sum();
  const double norm = flat_norm(values);
  return at::full({}, norm * norm, at::kDouble);
}

void load_one(const at::Tensor& into, const Optimizer::State& from) {
  if (from.values.sizes() != into.sizes())
    throw DataError(fmt::format("the optimizer state '{}' of {} has shape [{}], but the model needs [{}]", from.slot,
                                from.parameter, fmt::join(from.values.sizes(), ", "), fmt::join(into.sizes(), ", ")));
  into.copy_(from.values);
}

}  // namespace

Optimizer::Optimizer(nn::ParameterTable& table, std::vector<std::string> slots) : slots_(std::move(slots)) {
  gather(table);
}

void Optimizer::gather(nn::ParameterTable& table) {
  const at::NoGradGuard no_grad;
  extents_.clear();
  int64_t total = 0;
  at::Device device = at::kCPU;
  for (const nn::ParameterPtr& parameter : table.with_role(nn::Role::trainable)) {
    const at::Tensor& value = parameter->value();
    FG_CHECK(value.scalar_type() == at::kFloat, "trainable parameter '{}' is not fp32", parameter->name);
    FG_CHECK(extents_.empty() || value.device() == device, "trainable parameters are on several devices");
    device = value.device();
    extents_.push_back({parameter, total, value.numel(), value.sizes().vec()});
    total += value.numel();
  }
  if (extents_.empty()) throw UsageError("nothing is trainable: the stage's method trains no parameter of this model");
  value_ = at::empty({total}, at::TensorOptions().dtype(at::kFloat).device(device));
  buffers_.clear();
  for (size_t i = 0; i < slots_.size(); ++i) buffers_.push_back(at::zeros({total}, value_.options()));
  for (const Extent& extent : extents_) {
    at::Tensor view = view_of(value_, extent);
    view.copy_(extent.parameter->value());
    extent.parameter->set_value(view.detach().set_requires_grad(true));
  }
  ranges_ = ranges_of(extents_);
}

std::vector<at::Tensor> Optimizer::leaves() const {
  std::vector<at::Tensor> leaves;
  for (const Extent& extent : extents_) leaves.push_back(extent.parameter->value());
  return leaves;
}

double Optimizer::grad_norm(const at::Tensor& grad, double scale, dist::Communicator& tp) const {
  if (tp.size() == 1) return std::abs(scale) * flat_norm(grad);
  const auto options = at::TensorOptions().dtype(at::kDouble).device(grad.device());
  at::Tensor split = at::zeros({1}, options), replicated = at::zeros({1}, options);
  for (const Extent& extent : extents_) {
    const at::Tensor squares = square_sum(grad.narrow(0, extent.offset, extent.numel));
    (extent.parameter->placement.replicated() ? replicated : split).add_(squares);
  }
  tp.all_reduce(split);
  return std::abs(scale) * std::sqrt(split.add_(replicated).item<double>());  // the only device synchronization
}

void Optimizer::sum_partial(const at::Tensor& grad, dist::Communicator& tp) const {
  if (tp.size() == 1) return;
  std::vector<at::Tensor> parts;
  for (const Extent& extent : extents_)
    if (extent.parameter->partial_gradient) parts.push_back(grad.narrow(0, extent.offset, extent.numel));
  if (parts.empty()) return;
  const dist::PhaseScope counted(tp, "gradients");
  const at::Tensor joined = at::cat(parts);
  tp.all_reduce(joined);
  int64_t begin = 0;
  for (at::Tensor& part : parts) {
    part.copy_(joined.narrow(0, begin, part.numel()));
    begin += part.numel();
  }
}

void Optimizer::step(const at::Tensor& grad, double scale, double clip_factor, double lr,
                     const std::vector<nn::EntryMask>& moving) {
  FG_CHECK(grad.numel() == value_.numel(), "a gradient of {} elements for {} parameters", grad.numel(), value_.numel());
  const at::NoGradGuard no_grad;
  ++steps_;
  std::vector<at::Tensor> before;
  for (const nn::EntryMask& mask : moving) before.push_back(mask.parameter->value().detach().clone());
  update(grad, scale * clip_factor, lr);
  for (size_t i = 0; i < moving.size(); ++i) {
    const at::Tensor& value = moving[i].parameter->value();
    value.detach().copy_(at::where(moving[i].entries.to(at::kBool), value, before[i]));
  }
}

std::vector<Optimizer::State> Optimizer::state() const {
  std::vector<State> all;
  for (const Extent& extent : extents_)
    for (size_t i = 0; i < slots_.size(); ++i)
      all.push_back({slots_[i], extent.parameter->name, view_of(buffers_[i], extent)});
  return all;
}

void Optimizer::load(const std::vector<State>& state, int64_t steps) {
  const at::NoGradGuard no_grad;
  std::map<std::pair<std::string, std::string>, const State*> by_name;
  for (const State& one : state) by_name[{one.slot, one.parameter}] = &one;
  for (const State& own : this->state()) {
    const auto it = by_name.find({own.slot, own.parameter});
    if (it == by_name.end())
      throw DataError(fmt::format("the optimizer state '{}' of {} is missing", own.slot, own.parameter));
    load_one(own.values, *it->second);
  }
  steps_ = steps;
}

void Optimizer::rebuild(nn::ParameterTable& table, const std::vector<nn::Reslice>& records) {
  const at::NoGradGuard no_grad;
  std::map<const nn::Parameter*, std::vector<at::Tensor>> old;
  for (const Extent& extent : extents_)
    for (const at::Tensor& buffer : buffers_) old[extent.parameter.get()].push_back(view_of(buffer, extent));
  for (const nn::Reslice& record : records) {
    const auto it = old.find(record.parameter.get());
    if (it == old.end()) continue;
    for (at::Tensor& values : it->second) values = record.apply(values);
  }
  gather(table);
  for (const Extent& extent : extents_) {
    const auto it = old.find(extent.parameter.get());
    if (it == old.end()) continue;
    for (size_t i = 0; i < buffers_.size(); ++i) {
      FG_CHECK(it->second[i].sizes() == extent.parameter->value().sizes(), "the records do not match the shape of '{}'",
               extent.parameter->name);
      view_of(buffers_[i], extent).copy_(it->second[i]);
    }
  }
}

}  // namespace filigree::optim
