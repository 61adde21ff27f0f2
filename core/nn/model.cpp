#include "core/nn/model.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <set>

#include "core/error.h"

namespace filigree::nn {

void Model::to(at::Device device) {
  for (const ParameterPtr& parameter : parameters()) {
    parameter->set_value(parameter->value().detach().to(device));
    parameter->value().set_requires_grad(parameter->trainable());
  }
}

std::vector<Linear*> Model::encoder_linears() {
  std::set<const Linear*> structural;
  for (const StructureGroup& group : structures())
    for (const StructureMember& member : group.members) structural.insert(member.linear);
  std::vector<Linear*> encoder;
  std::ranges::copy_if(linears(), std::back_inserter(encoder),
                       [&](const Linear* linear) { return structural.contains(linear); });
  return encoder;
}

int64_t Model::type_vocab_size() const { return std::numeric_limits<int64_t>::max(); }

at::Device Model::device() {
  FG_CHECK(parameters().size() > 0, "the model has no parameters");
  return (*parameters().begin())->device();
}

}  // namespace filigree::nn
