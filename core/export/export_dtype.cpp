#include "core/export/export_dtype.h"

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>

#include "core/error.h"

namespace filigree::checkpoint {
namespace {

/// value: fp32, as merged; base: fp32, as read from its files; computed: the type that frozen weights are rounded to.
bool is_unchanged(const at::Tensor& value, const at::Tensor& base, at::ScalarType computed) {
  if (value.sizes() != base.sizes()) return false;
  return value.equal(base) || (computed != at::kFloat && value.equal(base.to(computed).to(at::kFloat)));
}

/// The weight as the base's files hold it; undefined if it has changed, or they do not have it.
at::Tensor stored(const std::string& name, const at::Tensor& value, const BaseWeights& base, at::ScalarType computed) {
  const auto dtype = base.dtypes.find(name);
  if (!base.model || dtype == base.dtypes.end()) return {};
  const at::Tensor exact = base.model->parameters().at(name).value().detach().cpu();
  if (!is_unchanged(value, exact, computed)) return {};
  if (dtype->second == at::kHalf || dtype->second == at::kBFloat16) return exact.to(dtype->second);
  return value.equal(exact) ? value : exact;
}

}  // namespace

NamedTensors in_file_types(nn::Model& model, const NamedTensors& state, const BaseWeights& base, ExportDtype dtype) {
  NamedTensors written;
  for (const auto& [name, value] : state) {
    const at::Tensor exact = stored(name, value, base, model.parameters().frozen_dtype());
    const at::Tensor best = exact.defined() ? exact : value;
    if (dtype == ExportDtype::automatic)
      written.emplace_back(name, best);
    else
      written.emplace_back(name, best.to(dtype == ExportDtype::bf16 ? at::kBFloat16 : at::kFloat));
  }
  return written;
}

std::string common_dtype(const NamedTensors& tensors) {
  const at::ScalarType first = tensors.empty() ? at::kFloat : tensors.front().second.scalar_type();
  for (const auto& [name, tensor] : tensors)
    if (tensor.scalar_type() != first) return "float32";
  return first == at::kHalf ? "float16" : first == at::kBFloat16 ? "bfloat16" : "float32";
}

void restore_values(nn::Model& reread, const NamedTensors& state, const NamedTensors& written) {
  const at::NoGradGuard no_grad;
  for (size_t i = 0; i < state.size(); ++i) {
    const auto& [name, value] = state[i];
    if (written[i].second.is_same(value)) continue;
    const at::Tensor read = reread.parameters().at(name).value();
    FG_CHECK(read.equal(written[i].second.to(at::kFloat)), "'{}' was read back differently than it was written", name);
    reread.parameters().at(name).set_value(value);
  }
}

}  // namespace filigree::checkpoint
