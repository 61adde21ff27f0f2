#include "core/nn/model.h"

#include <limits>

#include "core/error.h"

namespace filigree::nn {

Task task_from(const std::string& name) {
  for (Task task : {Task::sequence_classification, Task::regression, Task::masked_lm, Task::causal_lm}) {
    if (name == to_string(task)) return task;
  }
  throw UsageError(
      fmt::format("unknown task '{}': use sequence_classification, regression, masked_lm or causal_lm", name));
}

const char* to_string(Task task) {
  switch (task) {
    case Task::sequence_classification:
      return "sequence_classification";
    case Task::regression:
      return "regression";
    case Task::masked_lm:
      return "masked_lm";
    case Task::causal_lm:
      return "causal_lm";
  }
  return "unknown";
}

bool is_over_tokens(Task task) { return task == Task::masked_lm || task == Task::causal_lm; }

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
