#include "core/nn/weight_gradients.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros.h>

#include <memory>
#include <utility>

#include "core/error.h"
#include "dist/communicator.h"

namespace filigree::nn {
namespace {

/// Adds this pass's d loss / d W = dy^T x to `weight`, and dy's column sums to `bias`.
void accumulate(const at::Tensor& gradient, const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias) {
  const at::NoGradGuard no_grad;
  const at::Tensor dy = gradient.detach().to(at::kFloat);
  weight.addmm_(dy.t(), input.to(at::kFloat));
  if (bias.defined()) bias.add_(dy.sum(0));
}

int64_t entries(const Linear& linear) {
  return linear.weight()->value().numel() + (linear.bias() ? linear.bias()->value().numel() : 0);
}

}  // namespace

WeightGradients::WeightGradients(const std::vector<Linear*>& linears) {
  int64_t total = 0;
  for (const Linear* linear : linears) total += entries(*linear);
  const at::Device device = linears.empty() ? at::Device(at::kCPU) : linears.front()->weight()->value().device();
  flat_ = at::zeros({total}, at::TensorOptions().dtype(at::kFloat).device(device));
  int64_t at = 0;
  for (Linear* linear : linears) {
    const int64_t numel = linear->weight()->value().numel();
    weights_.push_back(flat_.narrow(0, at, numel).view(linear->weight()->value().sizes()));
    at += numel;
    biases_.emplace_back();
    if (linear->bias()) {
      biases_.back() = flat_.narrow(0, at, linear->bias()->value().numel());
      at += linear->bias()->value().numel();
    }
    saved_.push_back({linear, linear->input_hook, linear->output_hook});
    install(*linear, weights_.back(), biases_.back());
  }
}

WeightGradients::~WeightGradients() {
  for (SavedHooks& hooks : saved_) {
    hooks.linear->input_hook = std::move(hooks.input);
    hooks.linear->output_hook = std::move(hooks.output);
  }
}

void WeightGradients::install(Linear& linear, const at::Tensor& weight, const at::Tensor& bias) {
  // Both hooks of one forward pass share the linear's actual input: the result of its own input hook.
  auto input = std::make_shared<at::Tensor>();
  linear.input_hook = [before = linear.input_hook, input](const at::Tensor& x) {
    at::Tensor seen = before ? before(x) : x;
    // Without a leaf below (frozen embeddings), backward would stop before it reaches this linear.
    if (at::GradMode::is_enabled() && !seen.requires_grad()) seen = seen.detach().requires_grad_();
    *input = seen.detach();
    return seen;
  };
  linear.output_hook = [after = linear.output_hook, input, weight, bias](const at::Tensor& y) {
    if (y.requires_grad()) {
      y.register_hook([x = *input, weight, bias](const at::Tensor& dy) { accumulate(dy, x, weight, bias); });
    }
    *input = at::Tensor();
    return after ? after(y) : y;
  };
}

void WeightGradients::zero() { flat_.zero_(); }

void for_each_batch(const std::vector<Linear*>& linears, const GradientBatches& data,
                    const std::function<void(const WeightGradients&)>& use) {
  FG_CHECK(data.run_batch && data.batches > 0, "gradients need batches");
  WeightGradients gradients(linears);
  for (int64_t batch = 0; batch < data.batches; ++batch) {
    gradients.zero();
    data.run_batch(batch);
    data.dp.all_reduce(gradients.flat());
    use(gradients);
  }
}

}  // namespace filigree::nn
