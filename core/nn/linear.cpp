#include "core/nn/linear.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/add.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/mul.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "core/error.h"
#include "core/nn/adapter.h"
#include "core/nn/lazy_linear.h"
#include "core/nn/weight_transform.h"

namespace filigree::nn {
namespace {

bool is_trainable(const ParameterPtr& parameter) { return parameter->trainable(); }

}  // namespace

Linear::Linear(std::string name, ParameterPtr weight, ParameterPtr bias)
    : name_(std::move(name)), weight_(std::move(weight)), bias_(std::move(bias)) {
  FG_CHECK(weight_ && weight_->value().dim() == 2, "linear '{}' needs a 2-d weight", name_);
  FG_CHECK(!bias_ || bias_->value().numel() == weight_->value().size(0), "linear '{}': bias has size {} for {} outputs",
           name_, bias_->value().numel(), weight_->value().size(0));
}

Linear::~Linear() = default;
Linear::Linear(Linear&&) noexcept = default;

at::Tensor Linear::base_weight() const {
  if (!mask_ || weight_->trainable()) return weight_->value();
  // Masked once, and again only if the tensor was replaced (loaded, cast, moved).
  if (!masked_value_.is_same(weight_->value())) {
    weight_->set_value(at::mul(weight_->value(), mask_->value().to(weight_->value().scalar_type())));
    masked_value_ = weight_->value();
  }
  return weight_->value();
}

void Linear::mask_frozen_weight() {
  if (!weight_->trainable()) base_weight();
}

bool Linear::covers_update() const {
  return adapter_ && (transform_ ? transform_->covers_update() : mask_ && mask_covers_update_);
}

at::Tensor Linear::transformed(const at::Tensor& sum) const {
  return transform_ ? transform_->apply(sum) : at::mul(sum, mask_->value().to(sum.scalar_type()));
}

bool Linear::merges_update() const { return covers_update() || (adapter_ && adapter_->is_merged()); }

bool Linear::makes_weight() const { return transform_ || (mask_ && weight_->trainable()) || merges_update(); }

at::Tensor Linear::made_weight(bool backward) const {
  const at::Tensor weight = weight_->is_sharded() ? weight_->source()(backward) : base_weight();
  if (covers_update()) return transformed(at::add(weight.to(at::kFloat), adapter_->dense()));
  const bool changes = transform_ || (mask_ && weight_->trainable());
  const at::Tensor made = changes ? transformed(weight) : weight;
  return merges_update() ? at::add(made.to(at::kFloat), adapter_->dense()) : made;
}

bool Linear::trains_weight() const {
  return weight_->trainable() || (transform_ && std::ranges::any_of(transform_->parameters(), is_trainable)) ||
         (merges_update() && std::ranges::any_of(adapter_->parameters(), is_trainable));
}

at::Tensor Linear::multiply(const at::Tensor& x, const std::optional<at::Tensor>& bias) const {
  if (makes_weight()) {
    const auto weight = [this](bool backward) { return made_weight(backward); };
    return lazy_linear(x, weight, bias, at::GradMode::is_enabled() && trains_weight());
  }
  if (weight_->is_sharded()) return lazy_linear(x, weight_->source(), bias);
  return at::linear(x, base_weight().to(x.scalar_type()), bias);
}

at::Tensor Linear::forward(const at::Tensor& x) const {
  const at::Tensor input = input_hook ? input_hook(x) : x;
  std::optional<at::Tensor> bias;
  if (bias_) bias = bias_->value().to(input.scalar_type());
  const bool partial_sum = weight_->placement.split(1);
  at::Tensor y = multiply(input, partial_sum ? std::nullopt : bias);
  if (adapter_ && !merges_update()) y = adapter_->forward(input, y);
  if (output_hook) y = output_hook(y);
  return partial_sum && bias ? at::add(y, *bias) : y;
}

void Linear::set_adapter(std::shared_ptr<Adapter> adapter) { adapter_ = std::move(adapter); }

void Linear::follow(Follower follower) { followers_.push_back(std::move(follower)); }

void Linear::leave(const Parameter& parameter) {
  std::erase_if(followers_, [&](const Follower& follower) { return follower.parameter.get() == &parameter; });
}

std::vector<ParameterPtr> Linear::added_parameters() const {
  std::vector<ParameterPtr> added;
  if (adapter_) added = adapter_->parameters();
  if (transform_) std::ranges::copy(transform_->parameters(), std::back_inserter(added));
  return added;
}

bool Linear::trains() const {
  return weight_->trainable() || (bias_ && bias_->trainable()) || std::ranges::any_of(added_parameters(), is_trainable);
}

void Linear::set_transform(std::shared_ptr<WeightTransform> transform) {
  FG_CHECK(!transform || !mask_, "linear '{}' has a mask", name_);
  transform_ = std::move(transform);
}

void Linear::set_mask(ParameterPtr mask) {
  FG_CHECK(!mask || !transform_, "linear '{}' has a transform", name_);
  FG_CHECK(!mask || mask->value().sizes() == weight_->value().sizes(),
           "linear '{}': the mask and the weight differ in shape", name_);
  mask_ = std::move(mask);
  masked_value_.reset();
  base_weight();
}

std::vector<Reslice> Linear::reslice(int64_t dim, const AxisChange& change) {
  std::vector<Reslice> done;
  done.push_back(nn::reslice(weight_, dim, change));
  if (bias_ && dim == 0) done.push_back(nn::reslice(bias_, 0, change));
  if (mask_) done.push_back(nn::reslice(mask_, dim, change));
  for (const Follower& follower : followers_) {
    const int64_t along = dim == 0 ? follower.rows : follower.columns;
    if (along < 0) continue;
    done.push_back(
        nn::reslice(follower.parameter, along, follower.unit == 1 ? change : change_of_units(change, follower.unit)));
  }
  if (adapter_) std::ranges::move(adapter_->reslice(dim, change), std::back_inserter(done));
  return done;
}

at::Tensor Linear::merged_weight() const {
  const at::NoGradGuard no_grad;
  at::Tensor merged = weight_->value().detach().to(at::kFloat);
  if (covers_update()) return transformed(at::add(merged, adapter_->delta()));
  if (transform_) merged = transform_->apply(merged);
  if (mask_) merged = at::mul(merged, mask_->value().to(at::kFloat));
  if (adapter_) merged = at::add(merged, adapter_->delta());
  return merged;
}

}  // namespace filigree::nn
