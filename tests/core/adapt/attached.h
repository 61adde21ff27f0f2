#pragma once
// A method on a toy model of one rank.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>

#include "core/adapt/method.h"
#include "core/random.h"
#include "dist/factory.h"
#include "tests/support/toy_model.h"

namespace filigree::adapt {

struct AttachedMethod {
  test::ToyModel model;
  std::unique_ptr<dist::Communicator> ranks = dist::make_single();
  std::unique_ptr<Method> method;

  explicit AttachedMethod(const recipe::MethodConfig& config) : method(builtin_methods().make(config)) {
    method->attach(model, {.seed = 3, .ranks = *ranks, .tp = *ranks});
  }

  at::Tensor score(const nn::Linear& linear) { return model.parameters().at(linear.name() + ".score").value(); }
  void draw_scores(double scale) {
    for (const nn::ParameterPtr& parameter : model.parameters())
      if (parameter->name.ends_with(".score"))
        parameter->value().detach().copy_(test::drawn(random::hash(parameter->name), parameter->logical_shape, scale));
  }
  /// In a stage of 100 steps.
  Step at(int64_t step, double losses = 1) const { return {step, 100, true, *ranks, *ranks, losses}; }
};

}  // namespace filigree::adapt
