#pragma once
// A method on the toy model with an optimizer, driven as the trainer drives it.
#include <ATen/ops/cat.h>
#include <ATen/ops/zeros_like.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/adapt/method.h"
#include "core/optim/adamw.h"
#include "dist/factory.h"
#include "tests/support/toy_model.h"

namespace filigree::test {

class Driven {
 public:
  template <class Options>
  Driven(const std::string& name, Options options, int64_t steps)
      : steps_(steps), method_(adapt::builtin_methods().make({name, std::make_shared<Options>(std::move(options))})) {
    method_->attach(model, {3, *ranks_, *ranks_});
    optimizer_ = std::make_unique<optim::AdamW>(model.parameters(), optim::AdamWOptions{.weight_decay = 0.1});
    zero();
    method_->refresh(model, at());
  }

  /// Of a batch: the gradients as the optimizer sees them, by parameter.
  std::map<std::string, at::Tensor> step() {
    if (method_->gradient_batches(at()) > 0)
      method_->read_gradients(model, at(), batches(method_->gradient_batches(at())));
    method_->before_step(model, at());
    zero();
    const auto output = model.forward(toy_batch({3 * done, 3 * done + 1, 3 * done + 2}), {});
    output.loss_sum.backward();
    adapt::Step now = at();
    now.losses = 3;
    method_->after_backward(model, now);
    if (on_gradients) on_gradients();
    method_->before_update(model, now);
    std::map<std::string, at::Tensor> gradients;
    std::vector<at::Tensor> flat;
    for (const nn::ParameterPtr& parameter : model.parameters().with_role(nn::Role::trainable)) {
      gradients[parameter->name] = parameter->value().grad().clone();
      flat.push_back(parameter->value().grad().flatten());
    }
    optimizer_->step(at::cat(flat), 1.0 / 3, 1.0, 0.01, method_->moving(model, now));
    ++done;
    method_->refresh(model, at());
    return gradients;
  }

  nn::GradientBatches batches(int64_t count) {
    return {count,
            [this](int64_t i) {
              model.forward(toy_batch({i, i + 9}), {}).loss_sum.div(2.0).backward();
            },
            *ranks_};
  }

  at::Tensor value(const std::string& name) { return model.parameters().at(name).value(); }
  bool counts_for_best() { return method_->counts_for_best(at()); }

  ToyModel model;
  int64_t done = 0;
  std::function<void()> on_gradients;  ///< called after after_backward(), where the trainer measures the norm

 private:
  adapt::Step at() const { return {done, steps_, true, *ranks_, *ranks_}; }
  void zero() {
    for (const nn::ParameterPtr& parameter : model.parameters().with_role(nn::Role::trainable))
      parameter->value().mutable_grad() = at::zeros_like(parameter->value().detach());
  }
  int64_t steps_;
  std::unique_ptr<dist::Communicator> ranks_ = dist::make_single();
  std::unique_ptr<adapt::Method> method_;
  std::unique_ptr<optim::AdamW> optimizer_;
};

}  // namespace filigree::test
