#include "models/common/parts.h"

#include <ATen/ops/index_select.h>
#include <ATen/ops/ne.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

#include "core/data/to_device.h"
#include "core/nn/ops/loss.h"
#include "core/nn/ops/norm.h"
#include "core/nn/recompute.h"

namespace filigree::models {

namespace ops = nn::ops;

nn::ParameterPtr Builder::parameter(const std::string& name, const std::vector<int64_t>& shape) {
  return table_.add(name, at::zeros({}, at::TensorOptions(at::kFloat)).expand(shape));
}

nn::Linear Builder::linear(const std::string& name, int64_t out, int64_t in) {
  nn::ParameterPtr weight = parameter(name + ".weight", {out, in});
  return {name, weight, parameter(name + ".bias", {out})};
}

nn::Linear Builder::linear_without_bias(const std::string& name, int64_t out, int64_t in) {
  return {name, parameter(name + ".weight", {out, in}), nullptr};
}

std::unique_ptr<nn::Embedding> Builder::embedding(const std::string& name, int64_t rows, int64_t columns) {
  return std::make_unique<nn::Embedding>(parameter(name + ".weight", {rows, columns}));
}

Norm::Norm(Builder build, const std::string& name, int64_t size, double epsilon)
    : gain(build.parameter(name + ".weight", {size})), bias(build.parameter(name + ".bias", {size})), eps(epsilon) {}

at::Tensor Norm::operator()(const at::Tensor& x) const { return ops::layer_norm(x, gain->value(), bias->value(), eps); }

at::Tensor Norm::operator()(const at::Tensor& x, const at::Tensor& residual, const ops::Dropout& dropout) const {
  return ops::residual_layer_norm(x, residual, gain->value(), bias->value(), eps, dropout);
}

ForwardPass::ForwardPass(const data::Batch& of, const nn::ForwardContext& with)
    : batch(of), context(with), keys(with.training ? ops::token_keys(of, with.seed, with.step) : at::Tensor()) {}

at::Tensor ForwardPass::first_tokens(at::Device device) const {
  return to_device(at::tensor(at::ArrayRef<int64_t>(batch.offsets.data(), batch.offsets.size() - 1), at::kLong),
                   device);
}

at::Tensor ForwardPass::last_tokens(at::Device device) const {
  return to_device(at::tensor(at::ArrayRef<int64_t>(batch.offsets).slice(1), at::kLong).sub(1), device);
}

at::Tensor checkpointed(const ForwardPass& pass, bool trains, const std::function<at::Tensor(const at::Tensor&)>& layer,
                        const at::Tensor& x) {
  const bool again = pass.context.training && pass.context.recompute && (trains || x.requires_grad());
  return again ? nn::recompute(layer, x) : layer(x);
}

bool trains(const std::vector<nn::Linear*>& linears, const std::vector<const Norm*>& norms) {
  return std::any_of(linears.begin(), linears.end(), [](const nn::Linear* linear) { return linear->trains(); }) ||
         std::any_of(norms.begin(), norms.end(),
                     [](const Norm* norm) { return norm->gain->trainable() || norm->bias->trainable(); });
}

nn::Output sequence_output(const at::Tensor& logits, const ForwardPass& pass, Task task) {
  nn::Output out;
  out.logits = logits;
  const at::Tensor& labels = pass.batch.labels;
  if (!labels.defined()) return out;
  out.loss_sum = task == Task::regression ? ops::squared_error(logits, labels) : ops::cross_entropy(logits, labels);
  out.count = labels.size(0);
  return out;
}

namespace {

/// A batch from collate() stores them; for any other batch the device computes them.
at::Tensor rows_with_loss(const data::Batch& batch) {
  if (batch.predicted.defined()) return batch.predicted;
  return at::ne(batch.labels, ops::kIgnoredLabel).nonzero().squeeze(1);
}

}  // namespace

nn::Output lm_head_output(const at::Tensor& x, const ForwardPass& pass, const nn::TokenOutput& output,
                          const std::function<at::Tensor(const at::Tensor&)>& to_logits) {
  at::Tensor input = x, labels = pass.batch.labels;
  const at::Tensor predicted = labels.defined() ? rows_with_loss(pass.batch) : at::Tensor();
  if (pass.context.training && labels.defined()) {
    input = input.index_select(0, predicted);
    labels = labels.index_select(0, predicted);
  }
  nn::Output out;
  const at::Tensor logits = to_logits(input).to(at::kFloat);
  if (!labels.defined()) {
    out.logits = output.gather(logits);
    return out;
  }
  out.logits = logits;
  out.loss_sum = output.loss(logits, labels, pass.context.training ? pass.context.label_smoothing : 0);
  out.count = predicted.size(0);
  return out;
}

void add_units(const LayerUnits& units, std::vector<nn::StructureGroup>& groups) {
  groups.push_back({nn::StructureKind::head,
                    units.layer,
                    units.heads,
                    units.head_size,
                    units.kept_heads,
                    {{&units.query, 0, "query"},
                     {&units.key, 0, "key"},
                     {&units.value, 0, "value"},
                     {&units.attention_out, 1, "attention_out"}}});
  groups.push_back({nn::StructureKind::neuron,
                    units.layer,
                    units.neurons,
                    1,
                    units.kept_neurons,
                    {{&units.ffn_in, 0, "ffn_in"}, {&units.ffn_out, 1, "ffn_out"}}});
}

double macs(const nn::Linear& linear) {
  return static_cast<double>(linear.in_features()) * static_cast<double>(linear.out_features());
}

}  // namespace filigree::models
