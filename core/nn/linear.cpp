#include "core/nn/linear.h"

#include <ATen/ops/add.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/mul.h>

#include <optional>
#include <utility>

#include "core/error.h"
#include "core/nn/adapter.h"
#include "core/nn/gathered_linear.h"

namespace filigree::nn {

Linear::Linear(std::string name, ParameterPtr weight, ParameterPtr bias)
    : name_(std::move(name)), weight_(std::move(weight)), bias_(std::move(bias)) {
  FG_CHECK(weight_ && weight_->value().dim() == 2, "linear '{}' needs a 2-d weight", name_);
  FG_CHECK(!bias_ || bias_->value().numel() == weight_->value().size(0), "linear '{}': bias has size {} for {} outputs",
           name_, bias_->value().numel(), weight_->value().size(0));
}

Linear::~Linear() = default;
Linear::Linear(Linear&&) noexcept = default;

at::Tensor Linear::effective_weight() const {
  if (!mask_) return weight_->value();
  if (weight_->trainable()) return at::mul(weight_->value(), mask_->value().to(weight_->value().scalar_type()));
  // Masked once, and again only if the tensor was replaced (loaded, cast, moved).
  if (!masked_value_.is_same(weight_->value())) {
    weight_->set_value(at::mul(weight_->value(), mask_->value().to(weight_->value().scalar_type())));
    masked_value_ = weight_->value();
  }
  return weight_->value();
}

void Linear::mask_frozen_weight() {
  if (!weight_->trainable()) effective_weight();
}

at::Tensor Linear::multiply(const at::Tensor& x, const std::optional<at::Tensor>& bias) const {
  if (weight_->is_sharded()) return gathered_linear(x, weight_->source(), bias);
  return at::linear(x, effective_weight().to(x.scalar_type()), bias);
}

at::Tensor Linear::forward(const at::Tensor& x) const {
  const at::Tensor input = input_hook ? input_hook(x) : x;
  std::optional<at::Tensor> bias;
  if (bias_) bias = bias_->value().to(input.scalar_type());
  const bool partial_sum = weight_->placement.split(1);
  at::Tensor y = multiply(input, partial_sum ? std::nullopt : bias);
  if (adapter_) y = adapter_->forward(input, y);
  if (output_hook) y = output_hook(y);
  return partial_sum && bias ? at::add(y, *bias) : y;
}

void Linear::set_adapter(std::shared_ptr<Adapter> adapter) { adapter_ = std::move(adapter); }

void Linear::set_mask(ParameterPtr mask) {
  FG_CHECK(!mask || mask->value().sizes() == weight_->value().sizes(),
           "linear '{}': the mask and the weight differ in shape", name_);
  mask_ = std::move(mask);
  masked_value_.reset();
  effective_weight();
}

std::vector<Reslice> Linear::reslice(int64_t dim, const AxisChange& change) {
  std::vector<Reslice> done;
  done.push_back(nn::reslice(weight_, dim, change));
  if (bias_ && dim == 0) done.push_back(nn::reslice(bias_, 0, change));
  if (mask_) done.push_back(nn::reslice(mask_, dim, change));
  if (adapter_) {
    std::vector<Reslice> of_adapter = adapter_->reslice(dim, change);
    done.insert(done.end(), of_adapter.begin(), of_adapter.end());
  }
  return done;
}

at::Tensor Linear::merged_weight() const {
  at::Tensor merged = weight_->value().detach().to(at::kFloat);
  if (mask_) merged = at::mul(merged, mask_->value().to(at::kFloat));
  if (adapter_) merged = at::add(merged, adapter_->delta());
  return merged;
}

}  // namespace filigree::nn
