#include "core/optim/flat_adamw.h"

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

namespace filigree::optim {
namespace {

/// Matrices decay; biases, normalization gains and sparse values, all 1-d, do not.
bool decays(const nn::Parameter& parameter) { return parameter.decays && parameter.value().dim() >= 2; }

at::Tensor view_of(const at::Tensor& flat, const Extent& extent) {
  return flat.narrow(0, extent.offset, extent.numel).view(extent.shape);
}

std::vector<UpdateRange> update_ranges(const std::vector<Extent>& extents) {
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

void load_one(const at::Tensor& into, const at::Tensor& from, const std::string& name, const char* moment) {
  if (from.sizes() != into.sizes())
    throw DataError(fmt::format("the optimizer state of {} ({}) has shape [{}], but the model needs [{}]", name, moment,
                                fmt::join(from.sizes(), ", "), fmt::join(into.sizes(), ", ")));
  into.copy_(from);
}

}  // namespace

FlatAdamW::FlatAdamW(nn::ParameterTable& table, AdamWOptions options) : options_(options) { gather(table); }

void FlatAdamW::gather(nn::ParameterTable& table) {
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
  m_ = at::zeros({total}, value_.options());
  v_ = at::zeros({total}, value_.options());
  for (const Extent& extent : extents_) {
    at::Tensor view = view_of(value_, extent);
    view.copy_(extent.parameter->value());
    extent.parameter->set_value(view.detach().set_requires_grad(true));
  }
  update_ranges_ = update_ranges(extents_);
}

std::vector<at::Tensor> FlatAdamW::leaves() const {
  std::vector<at::Tensor> leaves;
  for (const Extent& extent : extents_) leaves.push_back(extent.parameter->value());
  return leaves;
}

double FlatAdamW::grad_norm(const at::Tensor& grad, double scale, dist::Communicator& tp) const {
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

void FlatAdamW::sum_partial(const at::Tensor& grad, dist::Communicator& tp) const {
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

void FlatAdamW::step(const at::Tensor& grad, double scale, double clip_factor, double lr,
                     const std::vector<nn::EntryMask>& moving) {
  FG_CHECK(grad.numel() == value_.numel(), "a gradient of {} elements for {} parameters", grad.numel(), value_.numel());
  const at::NoGradGuard no_grad;
  ++steps_;
  const auto t = static_cast<double>(steps_);
  StepFactors factors;
  factors.gradient_scale = scale * clip_factor;
  factors.beta1 = options_.beta1;
  factors.beta2 = options_.beta2;
  factors.eps = options_.eps;
  factors.step_size = lr / (1.0 - std::pow(options_.beta1, t));
  factors.root_correction = std::sqrt(1.0 - std::pow(options_.beta2, t));
  factors.keep = 1.0 - lr * options_.weight_decay;
  const FlatBuffers buffers{value_, grad, m_, v_};
  std::vector<at::Tensor> before;
  for (const nn::EntryMask& mask : moving) before.push_back(mask.parameter->value().detach().clone());
  if (value_.is_cpu()) {
    update_fused(buffers, factors, update_ranges_);
  } else {
    update_aten(buffers, factors, update_ranges_);
  }
  for (size_t i = 0; i < moving.size(); ++i) {
    const at::Tensor& value = moving[i].parameter->value();
    value.detach().copy_(at::where(moving[i].entries.to(at::kBool), value, before[i]));
  }
}

std::vector<FlatAdamW::Moments> FlatAdamW::moments() const {
  std::vector<Moments> all;
  for (const Extent& extent : extents_)
    all.push_back({extent.parameter->name, view_of(m_, extent), view_of(v_, extent)});
  return all;
}

void FlatAdamW::load(const std::vector<Moments>& moments, int64_t steps) {
  const at::NoGradGuard no_grad;
  std::map<std::string, const Moments*> by_name;
  for (const Moments& one : moments) by_name[one.name] = &one;
  for (const Extent& extent : extents_) {
    const auto it = by_name.find(extent.parameter->name);
    if (it == by_name.end())
      throw DataError(fmt::format("the optimizer state of {} is missing", extent.parameter->name));
    load_one(view_of(m_, extent), it->second->m, extent.parameter->name, "first moment");
    load_one(view_of(v_, extent), it->second->v, extent.parameter->name, "second moment");
  }
  steps_ = steps;
}

void FlatAdamW::rebuild(nn::ParameterTable& table, const std::vector<nn::Reslice>& records) {
  const at::NoGradGuard no_grad;
  std::map<const nn::Parameter*, std::pair<at::Tensor, at::Tensor>> old;
  for (const Extent& extent : extents_) old[extent.parameter.get()] = {view_of(m_, extent), view_of(v_, extent)};
  for (const nn::Reslice& record : records) {
    const auto it = old.find(record.parameter.get());
    if (it == old.end()) continue;
    it->second.first = record.apply(it->second.first);
    it->second.second = record.apply(it->second.second);
  }
  gather(table);
  for (const Extent& extent : extents_) {
    const auto it = old.find(extent.parameter.get());
    if (it == old.end()) continue;
    FG_CHECK(it->second.first.sizes() == extent.parameter->value().sizes(),
             "the records do not match the shape of '{}'", extent.parameter->name);
    view_of(m_, extent).copy_(it->second.first);
    view_of(v_, extent).copy_(it->second.second);
  }
}

}  // namespace filigree::optim
