#include "core/nn/model.h"

#include <limits>

#include "core/error.h"

namespace filigree::nn {

void Model::to(at::Device device) {
  for (const ParameterPtr& parameter : parameters()) {
    parameter->set_value(parameter->value().detach().to(device));
    parameter->value().set_requires_grad(parameter->trainable());
  }
}

int64_t Model::type_vocab_size() const { return std::numeric_limits<int64_t>::max(); }

at::Device Model::device() {
  FG_CHECK(parameters().size() > 0, "the model has no parameters");
  return (*parameters().begin())->device();
}

}  // namespace filigree::nn
